import { resolve } from 'node:path'
import { OptionError } from '../errors.js'
import { toMs, type Duration } from '../lib/duration.js'
import type { Logger } from '../lib/log.js'
import { json, type Codec } from '../message/codec.js'
import type { Transport } from '../transport/transport.js'
import { brokerFor } from './drivers.js'

export interface AppOptions {
  /** A URL or a transport value; default `memory:`, this process only. */
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
  const unknown = Object.keys(given).find(name => !(known as readonly string[]).includes(name))
  if (unknown !== undefined) throw wrong(unknown, `is not an option of an app; there are ${known.join(', ')}`)
  const read = <Name extends keyof AppOptions>(name: Name): string | AppOptions[Name] => environment[variable(name)] ?? given[name]
  const guarantee: unknown = read('guarantee') ?? 'at-least-once'
  if (guarantee === 'exactly-once') throw wrong('guarantee', "'exactly-once' is not available in this version: use 'at-least-once'")
  if (guarantee !== 'at-least-once') throw wrong('guarantee', `must be 'at-least-once', got ${shown(guarantee)}`)
  return {
    transport: brokerFor(read('broker') ?? 'memory:'),
    codec: codecFrom(given.codec),
    partitions: wholeNumber('partitions', read('partitions') ?? 8),
    datadir: resolve(text('datadir', read('datadir') ?? '.faust')),
    commitIntervalMs: duration('commitInterval', read('commitInterval') ?? '1s'),
    commitEvery: optional(read('commitEvery'), value => wholeNumber('commitEvery', value)),
    drainTimeoutMs: duration('drainTimeout', read('drainTimeout') ?? '20s'),
    sessionTimeoutMs: duration('sessionTimeout', read('sessionTimeout') ?? '10s'),
    instanceId: optional(read('instanceId'), value => text('instanceId', value)),
    logger: given.logger,
  }
}

/** The environment variable of an option. */
export function variable(option: string): string {
  return `FAUST_${option.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`
}

function optional<Value>(value: unknown, read: (value: unknown) => Value): Value | undefined {
  return value === undefined ? undefined : read(value)
}

function wholeNumber(option: string, value: unknown): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isInteger(number) && number > 0) return number
  throw wrong(option, `must be a whole number above 0, got ${shown(value)}`)
}

function duration(option: string, value: unknown): number {
  const ms = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return toMs(ms as Duration, option)
}

function text(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw wrong(option, `must be text, got ${shown(value)}`)
}

function codecFrom(value: unknown = json): Codec {
  const codec = value as Partial<Codec> | null
  if (typeof codec?.encode === 'function' && typeof codec.decode === 'function') return codec as Codec
  throw wrong('codec', `must be a codec such as json or msgpack, got ${shown(value)}`)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : String(value)
}

function wrong(option: string, what: string): OptionError {
  return new OptionError(`${option} ${what}.`, { option })
}
