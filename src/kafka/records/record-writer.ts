import { EncodeError } from '../../errors.js'
import type { Headers } from '../../message/record.js'
import type { Outgoing } from '../../transport/transport.js'
import { compressionNames, type Compression, type CompressionName } from './compression.js'
import { crc32c } from './crc32c.js'
import { attribute, bytesBeforeLength, field, writeLong } from './record-batch.js'
import { varintBytes, writeVarint, writeVarlong } from './varint.js'

/** What is said of a batch when it goes out, and not before. */
export interface Closing {
  /** -1 outside of idempotent producers, as are its epoch and the sequence. */
  readonly producerId: number
  readonly producerEpoch: number
  /** Number of the batch's first message among those of this producer and partition. */
  readonly baseSequence: number
  readonly isTransactional: boolean
  readonly compression: CompressionName
}

/** An open record batch: messages are written straight into its bytes. */
export class RecordWriter {
  count = 0
  readonly #compression: Compression
  #bytes: WritableBuffer
  #end: number = field.records
  #baseTimestamp = 0
  #maxTimestamp = 0

  /** `room` is what the batch begins with, in bytes; it grows. */
  constructor(compression: Compression, room: number = 16 * 1024) {
    this.#compression = compression
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(room, field.records)) as WritableBuffer
  }

  /** Bytes of the batch so far, uncompressed. */
  get size(): number {
    return this.#end
  }

  /** Copies a message into the batch. Throws `EncodeError` for a timestamp that is none. */
  append(message: Outgoing): void {
    const { key, value, headers, timestamp } = message
    if (!(Math.abs(timestamp) <= mostTimestamp)) throw noTimestamp(message)
    this.#reserve(mostRecordBytes(message))
    const bytes = this.#bytes
    const time = Math.trunc(timestamp)
    if (this.count === 0) this.#baseTimestamp = this.#maxTimestamp = time
    else if (time > this.#maxTimestamp) this.#maxTimestamp = time

    const start = this.#end
    // The size comes first and is known last: the room for it is a guess.
    const room = varintBytes(8 + (key === null ? 0 : message.keyEnd - message.keyStart) + (value === null ? 0 : value.length))
    let at = start + room
    bytes[at++] = 0
    at = writeVarlong(bytes, at, time - this.#baseTimestamp)
    at = writeVarint(bytes, at, this.count)
    at = key === null ? writeVarint(bytes, at, -1) : this.#writeKey(at, message)
    if (typeof value === 'string') at = this.#writeText(at, value)
    else at = value === null ? writeVarint(bytes, at, -1) : this.#writeBytes(at, value)
    at = headers === null ? writeVarint(bytes, at, 0) : this.#writeHeaders(at, headers)
    this.#end = this.#writeSize(start, room, at)
    this.count++
  }

  /**
   * The batch as it goes out; at least one message is in it. It may be closed again, with another producer id or epoch.
   * Without compression it is a view of the writer's memory: good until the next `close` or `restart`.
   */
  close(closing: Closing): Buffer {
    const plain = this.#bytes.subarray(0, this.#end)
    const head = plain.subarray(0, field.records)
    const { compression } = closing
    const batch =
      compression === 'none'
        ? plain
        : Buffer.concat([head, this.#compression.compress(compression, plain.subarray(field.records))])
    this.#writeHead(batch, closing)
    batch.writeUInt32BE(crc32c(batch, field.attributes, batch.length), field.checksum)
    return batch
  }

  /** Forgets all messages: the memory is used again. */
  restart(): void {
    this.count = 0
    this.#end = field.records
  }

  #writeHead(batch: Buffer, closing: Closing): void {
    const isTransactional = closing.isTransactional ? attribute.isTransactional : 0
    writeLong(batch, 0, field.baseOffset)
    batch.writeInt32BE(batch.length - bytesBeforeLength, field.length)
    batch.writeInt32BE(-1, field.leaderEpoch)
    batch.writeInt8(2, field.format)
    batch.writeInt16BE(compressionNames.indexOf(closing.compression) | isTransactional, field.attributes)
    batch.writeInt32BE(this.count - 1, field.lastOffsetDelta)
    writeLong(batch, this.#baseTimestamp, field.baseTimestamp)
    writeLong(batch, this.#maxTimestamp, field.maxTimestamp)
    writeLong(batch, closing.producerId, field.producerId)
    batch.writeInt16BE(closing.producerEpoch, field.producerEpoch)
    batch.writeInt32BE(closing.baseSequence, field.baseSequence)
    batch.writeInt32BE(this.count, field.count)
  }

  #reserve(count: number): void {
    if (this.#end + count <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#end + count)) as WritableBuffer
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }

  #writeKey(at: number, { key, keyStart, keyEnd }: Outgoing): number {
    const bytes = this.#bytes
    const from = key as Uint8Array
    const size = keyEnd - keyStart
    const start = writeVarint(bytes, at, size)
    // A loop beats a view for what keys usually are.
    if (size > 32) bytes.set(from.subarray(keyStart, keyEnd), start)
    else for (let index = 0; index < size; index++) bytes[start + index] = from[keyStart + index]!
    return start + size
  }

  #writeText(at: number, text: string): number {
    const room = varintBytes(text.length)
    const start = at + room
    return this.#writeSize(at, room, start + this.#bytes.utf8Write(text, start))
  }

  #writeBytes(at: number, value: Uint8Array): number {
    const start = writeVarint(this.#bytes, at, value.length)
    this.#bytes.set(value, start)
    return start + value.length
  }

  #writeHeaders(at: number, headers: Headers): number {
    let next = writeVarint(this.#bytes, at, headers.size)
    for (const [name, value] of headers) next = this.#writeBytes(this.#writeText(next, name), value)
    return next
  }

  /** Writes at `at` the size of what ends at `end`, `room` bytes behind it, and moves that if the room is wrong; returns its end. */
  #writeSize(at: number, room: number, end: number): number {
    const size = end - at - room
    const needed = varintBytes(size)
    if (needed !== room) this.#bytes.copyWithin(at + needed, at + room, end)
    writeVarint(this.#bytes, at, size)
    return end - room + needed
  }
}

/** What a message takes in a batch at most, in bytes; how much it is turns out when it is written. */
export function mostRecordBytes({ key, keyStart, keyEnd, value, headers }: Outgoing): number {
  let bytes = mostFrameBytes
  if (key !== null) bytes += keyEnd - keyStart
  if (typeof value === 'string') bytes += mostTextBytes(value)
  else if (value !== null) bytes += value.length
  if (headers !== null) for (const [name, of] of headers) bytes += mostTextBytes(name) + of.length + mostHeaderFrameBytes
  return bytes
}

/** Sizes, attributes, time and offset of a record; sizes of a header. */
const mostFrameBytes = 36
const mostHeaderFrameBytes = 10

/** Within 2^52 ms of 1970, some 140,000 years: the difference of two such is exact. */
const mostTimestamp = 2 ** 52

/** What Node's buffers have besides what their types tell: no look-up of the encoding. */
type WritableBuffer = Buffer & { utf8Write(text: string, at: number): number }

/** No unit of a string takes more than three bytes; a long one is worth counting. */
function mostTextBytes(text: string): number {
  return text.length < 4096 ? 3 * text.length : Buffer.byteLength(text)
}

function noTimestamp({ topic, timestamp }: Outgoing): EncodeError {
  return new EncodeError(`Cannot send a message to "${topic}": its timestamp is ${timestamp}. Give milliseconds since 1970.`, {
    topic,
  })
}
