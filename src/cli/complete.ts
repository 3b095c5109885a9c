import { RootCommand, type Command as Completed } from '@bomb.sh/tab'
import type { Command, Option } from 'commander'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { globalOptions } from './globals.js'
import type { Shell } from './session.js'

/** Prints what could stand in place of the last of the words, which may be empty. */
export function complete(program: Command, words: readonly string[], shell: Shell): void {
  const root = new RootCommand()
  const current = words.at(-1) ?? ''
  describe(root, { command: program, shell, current })
  const add = (command: Command, path: string): void => {
    describe(root.command(path, command.description()), { command, shell, current })
    for (const nested of visible(command)) add(nested, `${path} ${nested.name()}`)
  }
  for (const command of visible(program)) add(command, command.name())
  root.parse([...words])
}

interface Described {
  readonly command: Command
  readonly shell: Shell
  /** The word at the cursor. */
  readonly current: string
}

function describe(completed: Completed, { command, shell, current }: Described): void {
  const own = command.createHelp().visibleOptions(command)
  const globals = globalOptions(shell.isFixed).filter(({ long }) => own.every(option => option.long !== long))
  for (const option of [...own, ...globals]) {
    const name = option.long?.slice(2) ?? ''
    const short = option.short?.slice(1)
    const values = valuesOf(option, current)
    if (values === null) completed.option(name, option.description, short)
    else completed.option(name, option.description, offer => values.forEach(value => offer(value, '')), short)
  }
  for (const argument of command.registeredArguments) {
    const values = argument.argChoices ?? namesFor(argument.name(), shell)
    completed.argument(argument.name(), offer => values.forEach(value => offer(value, '')), argument.variadic)
  }
}

function visible(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter(each => each.name() !== 'help')
}

/** `null` for an option that takes no value. */
function valuesOf(option: Option, current: string): readonly string[] | null {
  if (option.isBoolean() || !(option.required || option.optional)) return null
  return option.long === '--app' ? modules(current) : (option.argChoices ?? [])
}

function modules(current: string): string[] {
  const folder = current.endsWith('/') ? current : current.includes('/') ? `${dirname(current)}/` : ''
  try {
    const entries = readdirSync(join('.', folder), { withFileTypes: true })
    const fit = entries.filter(entry => entry.name !== 'node_modules' && !entry.name.startsWith('.'))
    return fit.flatMap(entry => {
      if (entry.isDirectory()) return [`${folder}${entry.name}/`]
      return /(?<!\.d)\.[mc]?[jt]s$/.test(entry.name) ? [folder + entry.name] : []
    })
  } catch {
    return []
  }
}

function namesFor(argument: string, { app }: Shell): readonly string[] {
  if (app === undefined) return []
  const { agents, topics } = app.describe()
  const askable = agents.filter(({ isChannel }) => !isChannel).map(({ name }) => name)
  if (argument === 'agent') return askable
  if (argument === 'destination') return [...topics.map(({ name }) => name), ...askable.map(name => `@${name}`)]
  return argument === 'topic' ? topics.map(({ name }) => name) : []
}
