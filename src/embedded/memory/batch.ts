import { type Headers, noHeaders } from '../../message/record.js'
import type { Batch, HeaderColumn } from '../../transport/transport.js'

/** A stored batch, as readers get it. One constructor makes all of them, so that they have one shape. */
export class MemoryBatch implements Batch {
  readonly topic: string
  readonly partition: number
  readonly count: number
  readonly buffer: Buffer
  readonly offsets: Float64Array
  readonly timestamps: Float64Array
  readonly keyStarts: Int32Array
  readonly keyEnds: Int32Array
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  readonly headers: HeaderColumn | null
  readonly nextOffset: number
  readonly bytes: number

  constructor(from: Batch) {
    this.topic = from.topic
    this.partition = from.partition
    this.count = from.count
    this.buffer = from.buffer
    this.offsets = from.offsets
    this.timestamps = from.timestamps
    this.keyStarts = from.keyStarts
    this.keyEnds = from.keyEnds
    this.valueStarts = from.valueStarts
    this.valueEnds = from.valueEnds
    this.headers = from.headers
    this.nextOffset = from.nextOffset
    this.bytes = from.bytes
  }
}

/** Headers by place in the batch; most places are empty. */
export class SparseHeaders implements HeaderColumn {
  readonly #headers: readonly (Headers | undefined)[]

  constructor(headers: readonly (Headers | undefined)[]) {
    this.#headers = headers
  }

  has(index: number): boolean {
    return this.#headers[index] !== undefined
  }

  at(index: number): Headers {
    return this.#headers[index] ?? noHeaders
  }
}

/** What the columns take for one message. */
export const bytesPerMessage = 32

/** What is left of a batch for a reader that begins at `offset`: the batch itself when that is all of it, `null` for nothing. */
export function startingAt(batch: Batch, offset: number): Batch | null {
  if (at(batch.offsets, 0) >= offset) return batch
  return keeping(batch, index => at(batch.offsets, index) >= offset)
}

/** The same messages with another position after them. */
export function endingAt(batch: Batch, nextOffset: number): Batch {
  return batch.nextOffset === nextOffset ? batch : new MemoryBatch({ ...batch, nextOffset })
}

/** The messages that `isKept` wants, as a batch over the same buffer; `null` when there are none. */
export function keeping(batch: Batch, isKept: (index: number) => boolean): Batch | null {
  const kept = Array.from(batch.offsets.keys()).filter(isKept)
  if (kept.length === batch.count) return batch
  if (kept.length === 0) return null
  const { headers } = batch
  const doubles = (column: Float64Array): Float64Array => Float64Array.from(kept, index => at(column, index))
  const integers = (column: Int32Array): Int32Array => Int32Array.from(kept, index => at(column, index))
  return new MemoryBatch({
    ...batch,
    count: kept.length,
    offsets: doubles(batch.offsets),
    timestamps: doubles(batch.timestamps),
    keyStarts: integers(batch.keyStarts),
    keyEnds: integers(batch.keyEnds),
    valueStarts: integers(batch.valueStarts),
    valueEnds: integers(batch.valueEnds),
    headers: headers && new SparseHeaders(kept.map(index => (headers.has(index) ? headers.at(index) : undefined))),
    bytes: kept.reduce((sum, index) => sum + sizeOf(batch, index), 0),
  })
}

function sizeOf(batch: Batch, index: number): number {
  const keyBytes = at(batch.keyEnds, index) - at(batch.keyStarts, index)
  return bytesPerMessage + keyBytes + at(batch.valueEnds, index) - at(batch.valueStarts, index)
}

function at(column: Float64Array | Int32Array, index: number): number {
  return column[index] as number
}
