import { type Headers, noHeaders } from '../../message/record.js'
import type { HeaderColumn } from '../../transport/transport.js'
import { VarintCursor } from './varint.js'

/** The headers of a batch's messages, decoded when asked for. `skipHeaders` has been over them: they are sound. */
export class RecordHeaders implements HeaderColumn {
  readonly #buffer: Buffer
  readonly #starts: Int32Array

  /** `starts` has, for each message, where the number of its headers stands; -1 for none. */
  constructor(buffer: Buffer, starts: Int32Array) {
    this.#buffer = buffer
    this.#starts = starts
  }

  has(index: number): boolean {
    return this.#starts[index] !== -1
  }

  /** Values are views of the batch's buffer; one that is null on the wire is empty. Of two with one name the last counts. */
  at(index: number): Headers {
    if (!this.has(index)) return noHeaders
    const buffer = this.#buffer
    const cursor = new VarintCursor().over(buffer, this.#starts[index] as number, buffer.length)
    const headers = new Map<string, Uint8Array>()
    for (let left = cursor.varint(); left > 0; left--) {
      const nameBytes = part(cursor)
      const name = buffer.toString('utf8', cursor.at - nameBytes, cursor.at)
      const valueBytes = part(cursor)
      headers.set(name, buffer.subarray(cursor.at - valueBytes, cursor.at))
    }
    return headers
  }
}

/** Moves over `count` headers; with damaged ones `at` is not where the record ends. */
export function skipHeaders(cursor: VarintCursor, count: number): void {
  for (let left = count; left > 0; left--) {
    if (cursor.at >= cursor.end) return cursor.skip(1)
    part(cursor)
    part(cursor)
  }
}

/** Moves over a name or a value; returns its size. */
function part(cursor: VarintCursor): number {
  const size = Math.max(cursor.varint(), 0)
  cursor.skip(size)
  return size
}
