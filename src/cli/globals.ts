import { Command, Option } from 'commander'
import type { LogLevel } from '../index.js'
import { usageError } from './usage-error.js'

/** The options that every command takes. */
export interface Globals {
  readonly app?: string
  readonly broker?: string
  readonly datadir?: string
  readonly logLevel?: LogLevel
  readonly logFormat?: 'json' | 'pretty'
  readonly json?: boolean
  readonly debug?: boolean
}

/** What a call says before its command is known. */
export interface CommandLine {
  readonly globals: Globals
  /** Place of the command's name; the number of words when there is none. */
  readonly commandIndex: number
}

/** Made anew each time: an option belongs to one command. `isFixed` leaves out what must be said before an app exists. */
export function globalOptions(isFixed: boolean): Option[] {
  const options = [
    new Option('-A, --app <module[:export]>', 'the app: a file, a folder, a package, a dotted name; after ":" which export'),
    new Option('--broker <url>', 'instead of FAUST_BROKER and of what the app says'),
    new Option('--datadir <folder>', 'instead of FAUST_DATADIR and of what the app says'),
    oneOf(new Option('-l, --log-level <level>', 'how much is logged'), ['debug', 'info', 'warn', 'error']),
    oneOf(new Option('--log-format <format>', 'how it is logged; default pretty on a terminal, else json'), ['pretty', 'json']),
    new Option('--json', 'print one JSON document instead of a table'),
    new Option('--debug', 'show the stacks of errors (also FAUST_DEBUG=1)'),
  ]
  return isFixed ? options.slice(3) : options
}

/** Names of options that the app's own commands cannot have: they count wherever they stand. */
export const reservedOptions: readonly string[] = ['app', 'broker', 'datadir', 'log-level', 'log-format', 'help']

/** Reads the global options, which may stand before and after the command, without knowing any command. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const { operands, unknown } = probe()
    .passThroughOptions()
    .parseOptions([...argv])
  const anywhere = probe()
  anywhere.parseOptions([...argv])
  const hasCommand = unknown.length === 0
  return { globals: anywhere.opts(), commandIndex: hasCommand ? argv.length - operands.length : argv.length }
}

/** The command line wins over the environment, and that over the constructor: to be called before the app is loaded. */
export function setEnvironment({ broker, datadir }: Globals): void {
  if (broker !== undefined) process.env['FAUST_BROKER'] = broker
  if (datadir !== undefined) process.env['FAUST_DATADIR'] = datadir
}

/** Whether errors come with their stacks. */
export function wantsStack({ debug, logLevel }: Globals): boolean {
  const variable = process.env['FAUST_DEBUG'] ?? ''
  return debug === true || logLevel === 'debug' || !['', '0', 'false'].includes(variable)
}

function probe(): Command {
  const command = new Command('faust')
    .helpOption(false)
    .allowUnknownOption()
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
  for (const { flags } of globalOptions(false)) command.option(flags)
  return command
}

function oneOf(option: Option, choices: readonly string[]): Option {
  return option.choices(choices).argParser(text => {
    const choice = text.toLowerCase()
    if (choices.includes(choice)) return choice
    throw usageError(`${option.long} must be one of ${choices.join(', ')}, not "${text}".`)
  })
}
