import type { Bindings, Logger as Pino, LoggerOptions } from 'pino'
import type { PrettyOptions } from 'pino-pretty'

/** Where a component reports what it does: facts for machines, a message for people. */
export interface Logger {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
  /** A logger that adds these facts to every line. */
  child(facts: object): Logger
}

/** Lines below it are not written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Logs to standard error, one line per call; colour is used on a terminal unless said otherwise. */
export async function createLogger(options: {
  level: LogLevel
  format: 'json' | 'pretty'
  colour?: boolean | undefined
}): Promise<Logger> {
  const { level, format, colour = isColourWanted() } = options
  if (level === 'silent') return silentLogger
  const { pino, destination, stdSerializers } = await import('pino')
  if (format === 'json') return overPino(pino(settings(level, stdSerializers.err), destination({ dest: 2, sync: true })))
  const { default: pretty } = await import('pino-pretty')
  const serialize = (error: Error): object => inWords(error, level === 'debug')
  return overPino(pino(settings(level, serialize), pretty(prettyOptions(colour))))
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}

function isColourWanted(): boolean {
  return process.stderr.isTTY && !process.env['NO_COLOR']
}

function overPino(pino: Pino): Logger {
  return {
    debug: (facts, message) => pino.debug(facts, message),
    info: (facts, message) => pino.info(facts, message),
    warn: (facts, message) => pino.warn(facts, message),
    error: (facts, message) => pino.error(facts, message),
    child: facts => overPino(pino.child(facts as Bindings)),
  }
}

function settings(level: LogLevel, serialize: (error: Error) => object): LoggerOptions {
  const withErrors = (facts: Record<string, unknown>): Record<string, unknown> => {
    const serialized = { ...facts }
    for (const [name, fact] of Object.entries(facts)) if (fact instanceof Error) serialized[name] = serialize(fact)
    return serialized
  }
  return {
    level,
    base: null,
    serializers: { err: fact => fact },
    formatters: { level: label => ({ level: label }), log: withErrors, bindings: withErrors },
  }
}

/** An error as one of a line's facts. */
interface Words {
  readonly error: string
  readonly stack?: string | undefined
}

function inWords(error: Error, withStack: boolean): Words {
  const stack = withStack ? error.stack : undefined
  return { error: `${error.name}: ${error.message}${causes(error)}`, stack }
}

function causes(error: Error): string {
  return error.cause instanceof Error ? ` (${error.cause.name}: ${error.cause.message}${causes(error.cause)})` : ''
}

function prettyOptions(colour: boolean): PrettyOptions {
  return {
    destination: 2,
    sync: true,
    colorize: colour,
    translateTime: 'SYS:HH:MM:ss.l',
    hideObject: true,
    messageFormat: ({ level: _level, time: _time, ...log }, messageKey) => {
      const { [messageKey]: message, ...facts } = log
      const words = Object.entries(facts).map(([name, fact]) => ` ${colour ? dimmed(name) : name}=${compact(fact)}`)
      const stacks = Object.values(facts).map(fact => (isWords(fact) && fact.stack ? `\n${fact.stack}` : ''))
      return [message, ...words, ...stacks].join('')
    },
  }
}

function dimmed(name: string): string {
  return `\u001B[2m${name}\u001B[22m`
}

function compact(fact: unknown): string {
  if (isWords(fact)) return fact.error
  if (typeof fact === 'string' && /^[^\s"=]+$/.test(fact)) return fact
  return JSON.stringify(fact)
}

function isWords(fact: unknown): fact is Words {
  return typeof fact === 'object' && fact !== null && 'error' in fact && typeof fact.error === 'string'
}
