import { type Headers, noHeaders } from '../../message/record.js'
import type { HeaderColumn } from '../../transport/transport.js'
import { entryEnd, headersAt, placeOf } from './header-entry.js'

/** The headers of a batch as they lie in its blocks: looked for when somebody first asks, decoded when somebody reads them. */
export class StoredHeaders implements HeaderColumn {
  readonly #bytes: Buffer
  readonly #count: number
  readonly #sections: HeaderSection[] = []
  /** For each message where its entry begins, -1 for none. */
  #places: Int32Array | null = null

  constructor(bytes: Buffer, count: number) {
    this.#bytes = bytes
    this.#count = count
  }

  /** Takes up the headers of one block. */
  add(section: HeaderSection): void {
    this.#sections.push(section)
  }

  has(index: number): boolean {
    return this.#at(index) >= 0
  }

  at(index: number): Headers {
    const at = this.#at(index)
    return at < 0 ? noHeaders : headersAt(this.#bytes, at)
  }

  #at(index: number): number {
    return (this.#places ??= this.#find())[index] ?? -1
  }

  #find(): Int32Array {
    const places = new Int32Array(this.#count).fill(-1)
    for (const { start, end, first } of this.#sections) {
      for (let at = start; at < end; at = entryEnd(this.#bytes, at, end)) {
        const index = first + placeOf(this.#bytes, at)
        if (index >= 0) places[index] = at
      }
    }
    return places
  }
}

/** Where the headers of a block lie in the bytes of the batch, and which message of the batch is its first: below zero where some were dropped. */
interface HeaderSection {
  readonly start: number
  readonly end: number
  readonly first: number
}
