import { resolve } from 'node:path'
import { OptionError } from '../errors.js'
import { toMs, type Duration } from '../lib/duration.js'
import type { Logger } from '../lib/log.js'
import { json, type Codec } from '../message/codec.js'
import type { Transport } from '../transport/transport.js'
import { brokerFor } from './drivers.js'

/** How an app runs; the environment (`FAUST_` and the name in capitals) wins over what is given here. */
export interface AppOptions {
  /** A URL or a transport value; default `embedded:./.faust`, shared by all processes that name the directory. */
  broker?: string | Transport
  /** What happens to an event when its worker dies. `exactly-once` is not available in this version. */
  guarantee?: 'at-least-once'
  /** Of topics that name none; default `json`. */
  codec?: Codec
  /** Of topics that name none; default 8. */
  partitions?: number
  /** Where files of the app live; default `./.faust`, from the working directory. */
  datadir?: string
  /** Default 1 s. */
  commitInterval?: Duration
  /** Commit also after so many events; not set: the interval alone decides. */
  commitEvery?: number
  /** How long a stop or a revoked partition waits for work in hand; default 20 s, less than what orchestrators wait. */
  drainTimeout?: Duration
  /** How long a killed worker keeps its partitions; default 10 s. */
  sessionTimeout?: Duration
  /** Static membership: a worker that comes back with the same id within the session timeout causes no rebalance. */
  instanceId?: string
  /** Takes the place of the library's own log on standard error. */
  logger?: Logger
}

/** Options as an app uses them; times in milliseconds. */
export interface Settings {
  readonly transport: Transport
  readonly codec: Codec
  readonly partitions: number
  readonly datadir: string
  readonly commitIntervalMs: number
  readonly commitEvery: number | undefined
  readonly drainTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly instanceId: string | undefined
  readonly logger: Logger | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const known = [
  'broker',
  'guarantee',
  'codec',
  'partitions',
  'datadir',
  'commitInterval',
  'commitEvery',
  'drainTimeout',
  'sessionTimeout',
  'instanceId',
  'logger',
] as const

/**
 * Reads an app's options: the environment (`FAUST_BROKER`, `FAUST_COMMIT_INTERVAL`, …) wins over the constructor, that over
 * the defaults. Throws `OptionError`, naming the option and what was expected.
 */
export function readOptions(given: AppOptions, environment: Environment): Settings {
  checkNames(given)
  const read = <Name extends keyof AppOptions>(name: Name): Given => {
    const said = environment[variable(name)]
    return said === undefined ? { name, value: given[name] } : { name, value: said, variable: variable(name) }
  }
  checkGuarantee(read('guarantee'))
  return {
    transport: brokerFor((read('broker').value as AppOptions['broker']) ?? 'embedded:./.faust'),
    codec: codecFrom({ name: 'codec', value: given.codec ?? json }),
    partitions: wholeNumber(read('partitions'), 8),
    datadir: resolve(text(read('datadir'), '.faust')),
    commitIntervalMs: positiveMs(read('commitInterval'), '1s'),
    commitEvery: wholeNumber(read('commitEvery'), undefined),
    drainTimeoutMs: duration(read('drainTimeout'), '20s'),
    sessionTimeoutMs: positiveMs(read('sessionTimeout'), '10s'),
    instanceId: text(read('instanceId'), undefined),
    logger: loggerFrom({ name: 'logger', value: given.logger }),
  }
}

/** The environment variable of an option. */
export function variable(option: string): string {
  return `FAUST_${option.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`
}

/** An option as it was found: in the environment, or given to the constructor. */
interface Given {
  readonly name: string
  readonly value: unknown
  readonly variable?: string
}

function checkNames(given: unknown): void {
  if (typeof given !== 'object' || given === null)
    throw new OptionError(`The options of an app must be an object, got ${shown(given)}.`, { option: 'options' })
  const unknown = Object.keys(given).find(name => !(known as readonly string[]).includes(name))
  if (unknown === undefined) return
  throw new OptionError(`${unknown} is not an option of an app; there are ${known.join(', ')}.`, { option: unknown })
}

function checkGuarantee(given: Given): void {
  const { value = 'at-least-once' } = given
  if (value === 'exactly-once') throw wrong(given, "cannot be 'exactly-once' in this version: use 'at-least-once'")
  if (value !== 'at-least-once') throw wrong(given, "must be 'at-least-once'")
}

function wholeNumber<Default extends number | undefined>(given: Given, otherwise: Default): number | Default {
  const { value } = given
  if (value === undefined) return otherwise
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number > 0) return number
  throw wrong(given, 'must be a whole number above 0')
}

function positiveMs(given: Given, otherwise: Duration): number {
  const ms = duration(given, otherwise)
  if (ms >= 1) return ms
  throw wrong(given, 'must be at least 1 ms')
}

function duration(given: Given, otherwise: Duration): number {
  const { name, value = otherwise, variable: from } = given
  const ms = from !== undefined && /^\d+$/.test(String(value)) ? Number(value) : value
  try {
    return toMs(ms as Duration, name)
  } catch {
    throw wrong(given, "must be a duration such as '10s', '1.5h' or 250 (a number is milliseconds)")
  }
}

function text<Default extends string | undefined>(given: Given, otherwise: Default): string | Default {
  const { value } = given
  if (value === undefined) return otherwise
  if (typeof value === 'string' && value !== '') return value
  throw wrong(given, 'must be text')
}

function codecFrom(given: Given): Codec {
  const codec = given.value as Partial<Codec> | null
  if (typeof codec?.encode === 'function' && typeof codec.decode === 'function') return codec as Codec
  throw wrong(given, 'must be a codec such as json or msgpack')
}

function loggerFrom(given: Given): Logger | undefined {
  const logger = given.value as Partial<Logger> | null | undefined
  const methods = ['debug', 'info', 'warn', 'error', 'child'] as const
  if (logger === undefined || methods.every(method => typeof logger?.[method] === 'function')) return logger as Logger | undefined
  throw wrong(given, `must have the methods ${methods.join(', ')}`)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value)
}

function wrong({ name, value, variable: from }: Given, expected: string): OptionError {
  return new OptionError(`${from ?? name} ${expected}, got ${shown(value)}.`, { option: name })
}
