import type { Batch, TopicPartition } from '../../transport/transport.js'
import type { RecordBatch } from './record-batch.js'
import { RecordHeaders, skipHeaders } from './record-headers.js'
import { VarintCursor } from './varint.js'

/** The uncompressed records of a batch: `bytes[start, end)`. */
export interface Records {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** What their positions grow by in the buffer of the batch that they become part of. */
  readonly shift: number
}

/** Where the messages of a batch lie, and whose it is. */
export interface Sealing {
  readonly at: TopicPartition
  readonly buffer: Buffer
  readonly nextOffset: number
  /** Of keys, values and what stands between them. */
  readonly bytes: number
}

/** Gathers records as columns, in memory that is used again for the next batch. */
export class RecordColumns {
  count = 0
  #room = 0
  #offsets = new Float64Array(0)
  #timestamps = new Float64Array(0)
  #keyStarts = new Int32Array(0)
  #keyEnds = new Int32Array(0)
  #valueStarts = new Int32Array(0)
  #valueEnds = new Int32Array(0)
  /** -1 for a message without headers. */
  #headerStarts = new Int32Array(0)
  #hasHeaders = false
  readonly #cursor = new VarintCursor()

  restart(): void {
    this.count = 0
    this.#hasHeaders = false
    if (this.#room > mostKeptRoom) this.#resize(0)
  }

  /** Takes the messages from offset `from` on; `false` when the records are damaged, and then takes none of them. */
  add(batch: RecordBatch, records: Records, from: number): boolean {
    const { count } = batch
    if (count * leastRecordBytes > records.end - records.start) return false
    if (this.count + count > this.#room) this.#resize(Math.max(this.count + count, 2 * this.#room))
    const before = this.count
    const isWhole = this.#walk(batch, records, from)
    if (!isWhole) this.count = before
    return isWhole
  }

  /** The batch that was gathered. */
  seal({ at, buffer, nextOffset, bytes }: Sealing): Batch {
    const { count } = this
    return {
      topic: at.topic,
      partition: at.partition,
      count,
      buffer,
      offsets: this.#offsets.slice(0, count),
      timestamps: this.#timestamps.slice(0, count),
      keyStarts: this.#keyStarts.slice(0, count),
      keyEnds: this.#keyEnds.slice(0, count),
      valueStarts: this.#valueStarts.slice(0, count),
      valueEnds: this.#valueEnds.slice(0, count),
      headers: this.#hasHeaders ? new RecordHeaders(buffer, this.#headerStarts.slice(0, count)) : null,
      nextOffset,
      bytes: bytes + count * columnBytes,
    }
  }

  // In one piece and longer than others: a call per record and part costs more than the parts do.
  // oxlint-disable-next-line eslint/max-lines-per-function -- the loop over all records
  #walk(batch: RecordBatch, { bytes, start, end, shift }: Records, from: number): boolean {
    const { baseOffset, lastOffsetDelta, baseTimestamp, isAppendTime, maxTimestamp } = batch
    const offsets = this.#offsets
    const timestamps = this.#timestamps
    const keyStarts = this.#keyStarts
    const keyEnds = this.#keyEnds
    const valueStarts = this.#valueStarts
    const valueEnds = this.#valueEnds
    const headerStarts = this.#headerStarts
    const cursor = this.#cursor.over(bytes, start, end)
    let previousDelta = -1
    let index = this.count
    for (let left = batch.count; left > 0; left--) {
      const size = cursor.varint()
      const recordEnd = cursor.at + size
      if (recordEnd > end) return false
      cursor.at++
      const timestamp = baseTimestamp + cursor.varlong()
      const delta = cursor.varint()
      if (delta <= previousDelta || delta > lastOffsetDelta) return false
      previousDelta = delta

      const keySize = cursor.varint()
      const keyStart = cursor.at
      if (keySize > recordEnd - keyStart) return false
      if (keySize > 0) cursor.at += keySize
      const keyEnd = cursor.at
      const valueSize = cursor.varint()
      const valueStart = cursor.at
      if (valueSize > recordEnd - valueStart) return false
      if (valueSize > 0) cursor.at += valueSize
      const valueEnd = cursor.at
      const headerCount = cursor.varint()
      if (headerCount !== 0) skipHeaders(cursor, headerCount)
      if (cursor.at !== recordEnd || headerCount < 0) return false

      offsets[index] = baseOffset + delta
      timestamps[index] = isAppendTime ? maxTimestamp : timestamp
      keyStarts[index] = keySize < 0 ? -1 : keyStart + shift
      keyEnds[index] = keySize < 0 ? -1 : keyEnd + shift
      valueStarts[index] = valueSize < 0 ? -1 : valueStart + shift
      valueEnds[index] = valueSize < 0 ? -1 : valueEnd + shift
      headerStarts[index] = headerCount === 0 ? -1 : valueEnd + shift
      if (baseOffset + delta < from) continue
      if (headerCount !== 0) this.#hasHeaders = true
      index++
    }
    this.count = index
    return cursor.at === end
  }

  #resize(room: number): void {
    this.#room = room
    this.#offsets = resized(this.#offsets, new Float64Array(room))
    this.#timestamps = resized(this.#timestamps, new Float64Array(room))
    this.#keyStarts = resized(this.#keyStarts, new Int32Array(room))
    this.#keyEnds = resized(this.#keyEnds, new Int32Array(room))
    this.#valueStarts = resized(this.#valueStarts, new Int32Array(room))
    this.#valueEnds = resized(this.#valueEnds, new Int32Array(room))
    this.#headerStarts = resized(this.#headerStarts, new Int32Array(room))
  }
}

/** Length, attributes, timestamp, offset, sizes of key and value, number of headers: a byte each. */
const leastRecordBytes = 7

/** What the columns take for one message. */
const columnBytes = 32

/** Messages for which the memory is kept from one batch to the next. */
const mostKeptRoom = 64 * 1024

function resized<Column extends Float64Array | Int32Array>(from: Column, to: Column): Column {
  to.set(from.subarray(0, to.length))
  return to
}
