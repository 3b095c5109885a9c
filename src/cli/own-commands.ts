import { Argument, Option, type Command } from 'commander'
import type { ArgumentDescription, CommandDescription } from '../index.js'
import { reservedOptions } from './globals.js'
import { reaching, runs, type Session, type Shell } from './session.js'
import { failure, usageError } from './usage-error.js'

/** The commands that the app declares itself. */
export function addOwnCommands(program: Command, shell: Shell): void {
  for (const described of shell.app?.describe().commands ?? []) {
    const { name, help } = described
    const isTaken = [...program.commands.map(command => command.name()), 'help', 'complete'].includes(name)
    if (isTaken) throw failure(`The app's command "${name}" has the name of one of faust's own: give it another.`)
    const command = program.command(name).helpGroup(`Commands of ${shell.app?.id}:`)
    if (help !== undefined) command.description(help)
    for (const each of described.arguments) command.addArgument(argumentOf(each))
    for (const each of described.options) for (const option of optionsOf(name, each)) command.addOption(option)
    runs(command, shell, session => run(session, command, described))
  }
}

async function run(
  session: Session,
  command: Command,
  { arguments: words, options, run: own }: CommandDescription,
): Promise<void> {
  const given = command.processedArgs as (string | undefined)[]
  const input: Record<string, unknown> = {}
  words.forEach((each, index) => (input[each.name] = read(each, given[index], each.name)))
  for (const each of options) input[each.name] = readOption(each, command)
  await reaching(session, () => own(input))
}

function argumentOf({ name, help }: ArgumentDescription): Argument {
  return new Argument(`<${name}>`, help)
}

function optionsOf(command: string, { name, kind, help }: ArgumentDescription): Option[] {
  const long = dashed(name)
  if (reservedOptions.includes(long)) {
    throw failure(`The option "${name}" of the app's command "${command}" has the name of one of faust's own: give it another.`)
  }
  if (kind !== 'flag') return [new Option(`--${long} <value>`, help)]
  if (long.startsWith('no-')) return [new Option(`--${long}`, help)]
  return [new Option(`--${long}`, help), new Option(`--no-${long}`).hideHelp()]
}

/** Commander keeps `--no-colour` as `colour: false`; who declares `noColour` means true by it. */
function readOption(described: ArgumentDescription, command: Command): unknown {
  const long = dashed(described.name)
  const option = command.options.find(each => each.long === `--${long}`)
  const given = command.getOptionValueSource(option?.attributeName() ?? '') === 'cli'
  const value: unknown = given ? command.getOptionValue(option?.attributeName() ?? '') : undefined
  if (described.kind !== 'flag') return read(described, value as string | undefined, `--${long}`)
  return described.parse(String(option?.negate === true ? value === false : value === true))
}

/** Reads one word; an option that is not given is offered to the schema as `undefined`, which may have a default for it. */
function read(described: ArgumentDescription, text: string | undefined, shown: string): unknown {
  try {
    return described.parse(text as string)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    if (text === undefined)
      throw usageError(`missing ${shown}${described.help === undefined ? '' : ` (${described.help})`}: ${why}`)
    throw usageError(`"${text}" is no ${shown}${described.help === undefined ? '' : ` (${described.help})`}: ${why}`)
  }
}

/** `dryRun` and `dry_run` are `--dry-run`. */
function dashed(name: string): string {
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`).replaceAll('_', '-')
}
