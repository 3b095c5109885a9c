import { TransportError } from '../../errors.js'
import type { Batch, TopicPartition } from '../../transport/transport.js'
import { hasOffsets, header, headerSize } from './layout.js'
import { StoredHeaders } from './stored-headers.js'

/**
 * The messages of some blocks that lie one behind the other, as one batch over the same bytes; `null` where there are none at
 * or after `from`. The bytes must begin at a multiple of eight in their memory. Throws `TransportError` for what is not whole blocks.
 */
export function readBlocks(bytes: Buffer, at: TopicPartition, options: { from: number; nextOffset: number }): Batch | null {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2)
  const total = countMessages(words, bytes.length, at)
  const batch = new BlockBatch(bytes, at, { total, nextOffset: options.nextOffset })
  const doubles = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 3)
  const source = { words, lengths: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2), doubles }
  let written = 0
  for (let start = 0; start < bytes.length; start += words[start >>> 2] as number) {
    written = batch.take(source, { start, written, from: options.from })
  }
  return written === 0 ? null : batch.finish(written)
}

/** Messages of some blocks: all readers see this one shape. */
class BlockBatch implements Batch {
  readonly topic: string
  readonly partition: number
  count: number
  readonly buffer: Buffer
  offsets: Float64Array
  timestamps: Float64Array
  keyStarts: Int32Array
  keyEnds: Int32Array
  valueStarts: Int32Array
  valueEnds: Int32Array
  headers: StoredHeaders | null = null
  readonly nextOffset: number
  readonly bytes: number

  constructor(
    buffer: Buffer,
    { topic, partition }: TopicPartition,
    { total, nextOffset }: { total: number; nextOffset: number },
  ) {
    const columns = new ArrayBuffer(total * bytesPerMessage)
    this.topic = topic
    this.partition = partition
    this.count = total
    this.buffer = buffer
    this.offsets = new Float64Array(columns, 0, total)
    this.timestamps = new Float64Array(columns, total * 8, total)
    this.keyStarts = new Int32Array(columns, total * 16, total)
    this.keyEnds = new Int32Array(columns, total * 20, total)
    this.valueStarts = new Int32Array(columns, total * 24, total)
    this.valueEnds = new Int32Array(columns, total * 28, total)
    this.nextOffset = nextOffset
    this.bytes = buffer.length + columns.byteLength
  }

  /** Adds the messages of the block at `start`, as the next ones after `written`; returns how many there are then. */
  take({ words, lengths, doubles }: Source, { start, written, from }: { start: number; written: number; from: number }): number {
    const word = start >>> 2
    const count = words[word + header.count / 4] as number
    const base = doubles[(start + header.baseOffset) >>> 3] as number
    const isSparse = ((words[word + header.flags / 4] as number) & hasOffsets) !== 0
    const times = (start + headerSize) >>> 3
    const keys = word + headerSize / 4 + count * 2
    const values = keys + count
    const places = values + count
    const { offsets, timestamps, keyStarts, keyEnds, valueStarts, valueEnds } = this
    let position = start + headerSize + count * (isSparse ? 20 : 16)
    let next = written
    for (let index = 0; index < count; index++) {
      const offset = base + (isSparse ? (words[places + index] as number) : index)
      const key = lengths[keys + index] as number
      const value = lengths[values + index] as number
      const keyEnd = key < 0 ? position : position + key
      const valueEnd = value < 0 ? keyEnd : keyEnd + value
      if (offset >= from) {
        offsets[next] = offset
        timestamps[next] = doubles[times + index] as number
        keyStarts[next] = key < 0 ? -1 : position
        keyEnds[next] = key < 0 ? -1 : keyEnd
        valueStarts[next] = value < 0 ? -1 : keyEnd
        valueEnds[next] = value < 0 ? -1 : valueEnd
        next++
      }
      position = valueEnd
    }
    const headerBytes = words[word + header.headerBytes / 4] as number
    if (headerBytes > 0 && next > written) this.#addHeaders({ start: position, end: position + headerBytes, first: next - count })
    return next
  }

  /** Cuts the columns to what was written. */
  finish(written: number): this {
    if (written === this.count) return this
    this.count = written
    this.offsets = this.offsets.subarray(0, written)
    this.timestamps = this.timestamps.subarray(0, written)
    this.keyStarts = this.keyStarts.subarray(0, written)
    this.keyEnds = this.keyEnds.subarray(0, written)
    this.valueStarts = this.valueStarts.subarray(0, written)
    this.valueEnds = this.valueEnds.subarray(0, written)
    return this
  }

  #addHeaders(section: { start: number; end: number; first: number }): void {
    this.headers ??= new StoredHeaders(this.buffer, this.count)
    this.headers.add(section)
  }
}

/** The same bytes, as numbers of each kind. */
interface Source {
  readonly words: Uint32Array
  readonly lengths: Int32Array
  readonly doubles: Float64Array
}

/** What the columns take for one message. */
const bytesPerMessage = 32

function countMessages(words: Uint32Array, bytes: number, { topic, partition }: TopicPartition): number {
  let total = 0
  for (let start = 0; start < bytes;) {
    const size = words[start >>> 2] as number
    const end = start + size
    if (size < headerSize || size % 8 !== 0 || end > bytes) {
      const text = `Cannot read "${topic}"[${partition}]: the broker's answer is no row of whole blocks. Stop all processes that use its directory and start them again, with the same version of the library.`
      throw new TransportError(text, { retriable: false })
    }
    total += words[(start + header.count) >>> 2] as number
    start = end
  }
  return total
}
