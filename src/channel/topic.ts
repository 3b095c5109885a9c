import { EncodeError, OptionError } from '../errors.js'
import { toMs, type Duration } from '../lib/duration.js'
import { encodeWith, json, rangeDecoder, type Codec } from '../message/codec.js'
import { encodeKey, keyDecoder } from '../message/key.js'
import { headersFrom } from '../message/record.js'
import { checkRoundTrip } from '../message/round-trip.js'
import { validator, type Schema } from '../message/schema.js'
import type { SendOptions, Topic } from '../stream/contract.js'
import type { EventStream } from '../stream/stream.js'
import type { Batch, TopicSpec } from '../transport/transport.js'
import { checkDecodePolicy, refuseBy } from './decode-policy.js'
import { deadLetterSuffix } from './dead-letters.js'
import type { Home, Host, HostTopic } from './host.js'
import type { Letter } from './letter.js'
import { openStream } from './open-stream.js'
import type { DecodePolicy } from './policy.js'
import type { SentMessage } from './sent-message.js'
import { TopicColumns, type TopicReading } from './topic-columns.js'

/** What `app.topic` takes besides the name. */
export interface TopicSettings {
  readonly value?: Schema
  readonly key?: Schema
  readonly codec?: Codec
  readonly keyCodec?: Codec
  readonly partitions?: number
  readonly replicas?: number
  readonly retention?: Duration
  readonly retentionBytes?: number
  readonly compacted?: boolean
  readonly onDecodeError?: DecodePolicy
  readonly timestamp?: (value: unknown) => number | Date
}

/** A declared topic: encodes what goes out and decodes what comes in. Typed where users hold it. */
export class AppTopic implements Topic<unknown, unknown>, HostTopic {
  readonly name: string
  readonly names: readonly string[]
  readonly pattern: RegExp | null
  readonly keyCodec: Codec | undefined
  readonly schema: Schema | undefined
  readonly codec: Codec
  readonly settings: TopicSettings
  readonly #home: Home
  readonly #readings = new WeakMap<Host, TopicReading>()

  constructor(home: Home, name: string | readonly string[] | RegExp, settings: TopicSettings) {
    this.pattern = name instanceof RegExp ? name : null
    this.names = name instanceof RegExp ? [] : typeof name === 'string' ? [name] : [...name]
    this.name = name instanceof RegExp ? String(name) : (this.names[0] ?? '')
    for (const each of this.names) checkTopicName(each)
    if (this.pattern === null && this.names.length === 0) throw new OptionError('app.topic needs a name.', { option: 'name' })
    this.#home = home
    this.settings = settings
    this.schema = settings.value
    this.codec = settings.codec ?? home.codec ?? json
    this.keyCodec = settings.keyCodec
    checkSettings(this.name, settings)
  }

  readonly send = (value: unknown, options?: SendOptions<unknown>): SentMessage => {
    const host = this.#home.host()
    try {
      return host.outbox.send(this.letter(host, value, options))
    } catch (error) {
      return host.outbox.refuse(named(error, this.name))
    }
  }

  stream(): EventStream {
    return openStream(this.#home, {
      name: `topic:${this.name}`,
      connect: (host, queue) => host.subscribe({ topic: this, queueFor: () => queue, queue }),
    })
  }

  /** A message to this topic; throws `EncodeError`, or `OptionError` for a pattern. */
  letter(host: Host, value: unknown, options: SendOptions<unknown> = {}): Letter {
    const key = encodeKey(options.key, this.keyCodec)
    return {
      topic: this.target,
      partition: options.partition ?? null,
      timestamp: options.timestamp ?? host.clock.now(),
      key,
      keyStart: 0,
      keyEnd: key === null ? 0 : key.length,
      value: this.encode(host, value),
      headers: headersFrom(options.headers),
    }
  }

  encode(host: Host, value: unknown): string | Uint8Array | null {
    if (value === null) return null
    if (host.checksRoundTrips) this.#checkRoundTrip(host, value)
    return encodeWith(this.codec, value)
  }

  /** Where `send` writes: the first of several names. */
  get target(): string {
    if (this.pattern === null) return this.name
    throw new OptionError(`Cannot send to ${this.name}: a pattern names no topic. Declare the topic by its name to send to it.`, {
      option: 'name',
    })
  }

  /** What is to be created where it is missing. */
  get specs(): readonly TopicSpec[] {
    const { partitions = this.#home.partitions, replicas, retention, retentionBytes, compacted } = this.settings
    const retentionMs = retention === undefined ? undefined : toMs(retention, 'retention')
    return this.names.map(name => ({
      name,
      partitions,
      ...(replicas === undefined ? {} : { replicas }),
      ...(retentionMs === undefined ? {} : { retentionMs }),
      ...(retentionBytes === undefined ? {} : { retentionBytes }),
      ...(compacted === undefined ? {} : { compacted }),
    }))
  }

  /** Whether a topic of that name belongs to this declaration. */
  covers(name: string): boolean {
    return this.pattern === null ? this.names.includes(name) : matches(this.pattern, name)
  }

  /** Reads a value; throws (or rejects with) what is wrong with it. */
  decode(bytes: Uint8Array | null): unknown {
    const plain = bytes === null ? null : this.codec.decode(bytes)
    const validate = validator(this.schema)
    return validate === null ? plain : validate(plain)
  }

  /** Makes events of a batch's messages, as this worker reads them. */
  columns(host: Host, batch: Batch): TopicColumns {
    return new TopicColumns(batch, this.#reading(host))
  }

  #reading(host: Host): TopicReading {
    const known = this.#readings.get(host)
    if (known !== undefined) return known
    const { key, keyCodec, timestamp, onDecodeError = 'skip' } = this.settings
    const reading: TopicReading = {
      decode: rangeDecoder(this.codec),
      validate: validator(this.schema),
      keyCodec,
      readKey: keyDecoder(key, keyCodec),
      checksKeys: key !== undefined || keyCodec !== undefined,
      timestampOf: timestamp,
      refuse: refuseBy(onDecodeError, host),
    }
    this.#readings.set(host, reading)
    return reading
  }

  #checkRoundTrip(host: Host, value: unknown): void {
    const checked = checkRoundTrip(value, { codec: this.codec, schema: this.schema, topic: this.name })
    if (checked instanceof Promise) checked.catch((error: unknown) => host.fail(error))
  }
}

/** Topics of the library's own bookkeeping belong to no pattern. */
function matches(pattern: RegExp, name: string): boolean {
  if (name.endsWith(deadLetterSuffix) || name.startsWith('f-reply-') || name.startsWith('__')) return false
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).test(name)
}

function checkTopicName(name: string): void {
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..') return
  throw new OptionError(
    `A topic cannot be named ${JSON.stringify(name)}: 1 to 249 letters, digits, ".", "_" and "-", as in Kafka.`,
    {
      option: 'name',
    },
  )
}

function checkSettings(name: string, settings: TopicSettings): void {
  const known = [
    'value',
    'key',
    'codec',
    'keyCodec',
    'partitions',
    'replicas',
    'retention',
    'retentionBytes',
    'compacted',
    'onDecodeError',
    'timestamp',
  ]
  const unknown = Object.keys(settings).find(option => !known.includes(option))
  if (unknown !== undefined) {
    throw new OptionError(`Topic "${name}" has no option "${unknown}". It takes ${known.join(', ')}.`, { option: unknown })
  }
  for (const option of ['partitions', 'replicas', 'retentionBytes'] as const) {
    const value = settings[option]
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    throw new OptionError(`Topic "${name}": ${option} must be a whole number above 0, got ${String(value)}.`, { option })
  }
  if (settings.retention !== undefined) toMs(settings.retention, `topic "${name}": retention`)
  if (settings.onDecodeError !== undefined) checkDecodePolicy(settings.onDecodeError)
  validator(settings.value)
  validator(settings.key)
}

function named(error: unknown, topic: string): Error {
  if (error instanceof EncodeError) return new EncodeError(`Topic "${topic}": ${error.message}`, { topic, cause: error.cause })
  return error as Error
}
