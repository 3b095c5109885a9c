import type { Headers } from '../../message/record.js'
import type { Outgoing, TopicPartition } from '../../transport/transport.js'
import { maxCount, maxDataBytes } from '../block/layout.js'
import { OpenBatch } from '../open-batch.js'
import { bytesPerMessage, MemoryBatch, SparseHeaders } from './batch.js'

/** The columns of an open batch: lent to it by its producer, which uses them again. */
export class OpenColumns {
  readonly timestamps: Float64Array = new Float64Array(maxCount)
  readonly keyStarts: Int32Array = new Int32Array(maxCount)
  readonly keyEnds: Int32Array = new Int32Array(maxCount)
  readonly valueStarts: Int32Array = new Int32Array(maxCount)
  readonly valueEnds: Int32Array = new Int32Array(maxCount)
}

/** Memory that all open batches of a producer write into, one message behind the other. */
export class Slab {
  readonly buffer: WritableBuffer
  used = 0

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafeSlow(size) as WritableBuffer
  }

  hasRoomFor(bytes: number): boolean {
    return this.used + bytes <= this.buffer.length
  }
}

/** An open batch whose messages lie in a slab, where readers will find them. */
export class SlabBatch extends OpenBatch {
  readonly slab: Slab
  readonly columns: OpenColumns
  /** Its place in the producer's row of batches: a broker stores each once. */
  readonly sequence: number
  #headers: (Headers | undefined)[] | null = null

  constructor(at: TopicPartition & { sequence: number }, slab: Slab, columns: OpenColumns) {
    super(at)
    this.sequence = at.sequence
    this.slab = slab
    this.columns = columns
  }

  hasRoomFor(bytes: number): boolean {
    return this.slab.hasRoomFor(bytes) && this.count < maxCount && this.size + bytes <= maxDataBytes
  }

  /** Copies a message that the slab has room for; returns its bytes. */
  add(message: Outgoing): number {
    const { columns, slab, count: index } = this
    const { key, value } = message
    const start = slab.used
    let end = start
    columns.timestamps[index] = message.timestamp
    columns.keyStarts[index] = key === null ? -1 : start
    if (key !== null) end = writeKey(slab.buffer, end, message)
    columns.keyEnds[index] = key === null ? -1 : end
    columns.valueStarts[index] = value === null ? -1 : end
    if (typeof value === 'string') end += slab.buffer.utf8Write(value, end)
    else if (value !== null) {
      slab.buffer.set(value, end)
      end += value.length
    }
    columns.valueEnds[index] = value === null ? -1 : end
    if (message.headers !== null) this.#addHeaders(message.headers)
    slab.used = end
    this.size += end - start
    this.count = index + 1
    return end - start
  }

  /** The batch as stored from `baseOffset` on. The columns are free afterwards. */
  seal(baseOffset: number): MemoryBatch {
    const { columns, count } = this
    const offsets = new Float64Array(count)
    for (let index = 0; index < count; index++) offsets[index] = baseOffset + index
    return new MemoryBatch({
      topic: this.topic,
      partition: this.partition,
      count,
      buffer: this.slab.buffer,
      offsets,
      timestamps: columns.timestamps.slice(0, count),
      keyStarts: columns.keyStarts.slice(0, count),
      keyEnds: columns.keyEnds.slice(0, count),
      valueStarts: columns.valueStarts.slice(0, count),
      valueEnds: columns.valueEnds.slice(0, count),
      headers: this.#headers && new SparseHeaders(this.#headers),
      nextOffset: baseOffset + count,
      bytes: this.size + count * bytesPerMessage,
    })
  }

  #addHeaders(headers: Headers): void {
    if (headers.size === 0) return
    const copies = new Map<string, Uint8Array>()
    for (const [name, bytes] of headers) copies.set(name, Buffer.from(bytes))
    ;(this.#headers ??= [])[this.count] = copies
  }
}

/** What Node's buffers have besides what their types tell: no look-up of the encoding. */
type WritableBuffer = Buffer & { utf8Write(text: string, at: number): number }

function writeKey(buffer: Buffer, at: number, { key, keyStart, keyEnd }: Outgoing): number {
  const bytes = key as Uint8Array
  const length = keyEnd - keyStart
  // A loop beats a view for what keys usually are.
  if (length > 32) buffer.set(bytes.subarray(keyStart, keyEnd), at)
  else for (let index = 0; index < length; index++) buffer[at + index] = bytes[keyStart + index] as number
  return at + length
}
