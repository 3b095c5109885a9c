import { CommanderError } from 'commander'
import type { App } from '../index.js'
import { systemClock } from '../lib/clock.js'
import { readCommandLine, setEnvironment, wantsStack, type Globals } from './globals.js'
import { buildProgram, canonicalName } from './program.js'
import { report } from './report.js'
import type { Shell } from './session.js'
import type { Terminal } from './terminal.js'

export interface Surroundings {
  readonly terminal: Terminal
  /** Of an executable of the app's own; without it `-A` names one. */
  readonly app?: App
  /** Name of the executable; default `faust`. */
  readonly program?: string
}

/** One call of the command line: resolves to its exit code (0; 2 for wrong usage; 1 for all else), never rejects. */
export async function execute(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { terminal, app, program = 'faust' } = surroundings
  let withStack = argv.includes('--debug')
  let hasApp = app !== undefined
  // An open connection need not keep a process alive, and a command may wait for nothing else.
  const patience = systemClock.after(Infinity, () => undefined, 'service')
  try {
    const isCompletion = argv[0] === 'complete' && argv[1] === '--'
    if (isCompletion) return await answerCompletion(argv.slice(2), surroundings)
    const { globals, commandIndex } = readCommandLine(argv)
    withStack = wantsStack(globals)
    if (app === undefined) setEnvironment(globals)
    hasApp ||= globals.app !== undefined
    const shell: Shell = {
      program,
      terminal,
      app: app ?? (await load(globals)),
      isFixed: app !== undefined,
      exitCode: 0,
    }
    const commands = buildProgram(shell)
    const words = argv.map((word, index) => (index === commandIndex ? canonicalName(commands, word) : word))
    await commands.parseAsync(words, { from: 'user' })
    return shell.exitCode
  } catch (error) {
    const code = report(error, { terminal, withStack })
    if (isUnknownCommand(error) && !hasApp)
      terminal.note(`(The commands of an app need the app: ${program} -A <module[:export]> <command>)`)
    return code
  } finally {
    patience.cancel()
  }
}

/** What a shell asks for at each press of the Tab key: an app that cannot be loaded must not spoil it. */
async function answerCompletion(words: readonly string[], { terminal, app, program = 'faust' }: Surroundings): Promise<number> {
  const { complete } = await import('./complete.js')
  const { globals } = readCommandLine([...words.slice(0, -1), ''])
  if (app === undefined) setEnvironment(globals)
  const loaded = app ?? (await load(globals).catch(() => undefined))
  const shell: Shell = { program, terminal, app: loaded, isFixed: app !== undefined, exitCode: 0 }
  complete(buildProgram(shell), words, shell)
  return 0
}

function isUnknownCommand(error: unknown): boolean {
  return error instanceof CommanderError && error.code === 'commander.unknownCommand'
}

async function load(globals: Globals): Promise<App | undefined> {
  if (globals.app === undefined) return undefined
  const { loadApp } = await import('./load-app.js')
  return loadApp(globals.app, { cwd: process.cwd(), globals })
}
