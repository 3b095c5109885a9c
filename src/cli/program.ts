import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addAgents } from './agents-command.js'
import { addAsk } from './ask-command.js'
import { addCompletion } from './completion-command.js'
import { addDeadLetters } from './dead-letters-command.js'
import { globalOptions } from './globals.js'
import { addReset } from './reset-command.js'
import { addSend } from './send-command.js'
import type { Shell } from './session.js'
import { addTopics } from './topics-command.js'
import { addOwnCommands } from './own-commands.js'
import { addWorker } from './worker-command.js'

const build: readonly ((program: Command, shell: Shell) => void)[] = [
  addWorker,
  addAgents,
  addTopics,
  addSend,
  addAsk,
  addDeadLetters,
  addReset,
  addCompletion,
  addOwnCommands,
]

/** All commands: those of every app, and the app's own. */
export function buildProgram(shell: Shell): Command {
  const program = new Command(shell.program)
    .description(`Stream processing for Node.js${shell.app === undefined ? '' : `: the app "${shell.app.id}"`}`)
    .version(version(), '-V, --version')
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, subcommandTerm: term })
    .configureOutput({
      writeOut: text => shell.terminal.print(text.trimEnd()),
      writeErr: text => shell.terminal.note(text.trimEnd()),
      outputError: () => undefined,
    })
  for (const option of globalOptions(shell.isFixed)) program.addOption(option)
  for (const add of build) add(program, shell)
  for (const command of program.commands) takeGlobals(command, shell)
  if (shell.app === undefined)
    program.addHelpText('after', "\nAn app's own commands appear here with -A: faust -A ./app.ts --help")
  return program
}

/** A command's name as it is declared: `send_value` also finds `send-value`. */
export function canonicalName(program: Command, word: string): string {
  const names = program.commands.map(command => command.name())
  if (names.includes(word)) return word
  const alike = names.find(name => name.replaceAll('_', '-') === word.replaceAll('_', '-'))
  return alike ?? word
}

/** Every command takes options: that is not worth a word. */
function term(command: Command): string {
  return [
    command.name(),
    ...command.registeredArguments.map(each => (each.required ? `<${each.name()}>` : `[${each.name()}]`)),
  ].join(' ')
}

/** Global options may stand behind the command too; one that the command has itself is the command's. */
function takeGlobals(command: Command, shell: Shell): void {
  const own = command.options.map(({ long }) => long)
  for (const option of globalOptions(shell.isFixed)) {
    if (!own.includes(option.long)) command.addOption(option.hideHelp())
  }
  for (const nested of command.commands) takeGlobals(nested, shell)
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
