import { DecodeError, ValidationError } from '../errors.js'
import type { Codec, RangeDecoder } from '../message/codec.js'
import { noHeaders, type Headers } from '../message/record.js'
import type { Validator } from '../message/schema.js'
import { halting, unreadable, type Columns } from '../stream/delivered.js'
import type { Batch } from '../transport/transport.js'

/** One message of a batch. */
export interface MessagePlace {
  readonly batch: Batch
  readonly index: number
}

/** How the messages of one topic are read. */
export interface TopicReading {
  readonly decode: RangeDecoder
  readonly validate: Validator | null
  readonly keyCodec: Codec | undefined
  readonly readKey: (bytes: Buffer | null) => unknown
  /** Whether keys are checked at the door: where they have a schema or a codec. */
  readonly checksKeys: boolean
  readonly timestampOf: ((value: unknown) => number | Date) | undefined
  /** What takes the place of a message that cannot be read. */
  readonly refuse: (error: DecodeError, place: MessagePlace) => unknown
}

/** A batch of a topic, decoded once at the door: all values in one loop, when the first stream reaches it. */
export class TopicColumns implements Columns {
  isOdd = false
  readonly hasHeaders: boolean
  readonly #batch: Batch
  readonly #reading: TopicReading
  #values: unknown[] | null = null
  #readers = 0
  #keys: unknown[] | null = null
  #timestamps: Float64Array
  #refusals: Map<number, DecodeError> | null = null

  constructor(batch: Batch, reading: TopicReading) {
    this.#batch = batch
    this.#reading = reading
    this.#timestamps = batch.timestamps
    this.hasHeaders = batch.headers !== null
  }

  get topic(): string {
    return this.#batch.topic
  }

  get partition(): number {
    return this.#batch.partition
  }

  get count(): number {
    return this.#batch.count
  }

  get bytes(): number {
    return this.#batch.bytes
  }

  /** The bytes, for who passes them on as they are. */
  get batch(): Batch {
    return this.#batch
  }

  /** Keys of topics with the same codec have the same bytes. */
  get keyCodec(): Codec | undefined {
    return this.#reading.keyCodec
  }

  /** One more stream gets the batch. */
  retain(): void {
    this.#readers++
  }

  release(): void {
    if (--this.#readers === 0) this.#values = []
  }

  open(): readonly unknown[] {
    if (this.#values !== null) return this.#values
    const values = this.#decodeValues()
    this.#values = values
    if (this.#reading.checksKeys) this.#decodeKeys(values)
    if (this.#reading.timestampOf !== undefined) this.#readTimestamps(values, this.#reading.timestampOf)
    return values
  }

  key(index: number): unknown {
    return this.#keys === null ? this.#reading.readKey(this.#keyBytes(index)) : this.#keys[index]
  }

  offset(index: number): number {
    return this.#batch.offsets[index] as number
  }

  timestamp(index: number): number {
    return this.#timestamps[index] as number
  }

  headers(index: number): Headers {
    return this.#batch.headers?.at(index) ?? noHeaders
  }

  /** Why a message could not be read. */
  refusal(index: number): DecodeError | undefined {
    return this.#refusals?.get(index)
  }

  #decodeValues(): unknown[] {
    const { count, buffer, valueStarts, valueEnds } = this.#batch
    const { decode, validate } = this.#reading
    const values: unknown[] = new Array(count)
    for (let index = 0; index < count; index++) {
      const start = valueStarts[index] as number
      try {
        const plain = start < 0 ? null : decode(buffer, start, valueEnds[index] as number)
        values[index] = validate === null ? plain : validate(plain)
        if (values[index] instanceof Promise) this.#watch(values, index)
      } catch (error) {
        values[index] = this.#refuse(index, 'value', error)
      }
    }
    return values
  }

  /** An asynchronous schema: its refusal goes the same way. */
  #watch(values: unknown[], index: number): void {
    this.isOdd = true
    values[index] = (values[index] as Promise<unknown>).catch((error: unknown) => this.#refuse(index, 'value', error))
  }

  #decodeKeys(values: unknown[]): void {
    const keys: unknown[] = new Array(this.count)
    for (let index = 0; index < this.count; index++) {
      try {
        keys[index] = this.#reading.readKey(this.#keyBytes(index))
      } catch (error) {
        values[index] = this.#readable(values[index], () => this.#refuse(index, 'key', error))
      }
    }
    this.#keys = keys
  }

  #readTimestamps(values: unknown[], timestampOf: (value: unknown) => number | Date): void {
    const timestamps = Float64Array.from(this.#batch.timestamps)
    this.#timestamps = timestamps
    const read = (value: unknown, index: number): unknown => {
      try {
        timestamps[index] = checkedTime(timestampOf(value))
        return value
      } catch (error) {
        return this.#refuse(index, 'value', error)
      }
    }
    for (let index = 0; index < this.count; index++) {
      // A tombstone says nothing of its time.
      values[index] = this.#readable(values[index], value => (value === null ? null : read(value, index)))
    }
  }

  /** Goes on with a value, at once or when it is there, unless it has been refused: nothing is refused twice. */
  #readable(value: unknown, goOn: (value: unknown) => unknown): unknown {
    if (value instanceof Promise) return value.then(late => this.#readable(late, goOn))
    return value === unreadable || value === halting ? value : goOn(value)
  }

  #refuse(index: number, part: 'key' | 'value', cause: unknown): unknown {
    this.isOdd = true
    const why = cause instanceof Error ? cause.message : String(cause)
    const where = `"${this.topic}"[${this.partition}]@${this.offset(index)}`
    const error = new DecodeError(`Cannot decode the ${part} of ${where}: ${why}. Fix the producer, or set onDecodeError.`, {
      ...this.#facts(index, part),
      cause,
    })
    this.#refusals ??= new Map()
    this.#refusals.set(index, error)
    return this.#reading.refuse(error, { batch: this.#batch, index })
  }

  #facts(index: number, part: 'key' | 'value'): { topic: string; partition: number; offset: number; part: 'key' | 'value' } {
    return { topic: this.topic, partition: this.partition, offset: this.offset(index), part }
  }

  /** A copy: a key may be kept for longer than the batch that it lies in. */
  #keyBytes(index: number): Buffer | null {
    const start = this.#batch.keyStarts[index] as number
    return start < 0 ? null : Buffer.from(this.#batch.buffer.subarray(start, this.#batch.keyEnds[index]))
  }
}

function checkedTime(time: number | Date): number {
  const ms = time instanceof Date ? time.getTime() : time
  if (Number.isFinite(ms)) return ms
  throw new ValidationError(`timestamp() must return a number or a Date, got ${String(time)}`)
}
