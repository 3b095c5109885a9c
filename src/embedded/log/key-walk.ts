import { BlockColumns } from '../block/block-columns.js'
import { baseOffsetOf } from '../block/block-header.js'
import type { SipHash } from './sip-hash.js'

/** Hashes the keys of a block, one after the other. */
export class KeyWalk {
  readonly count: number
  offset = -1
  isTombstone = false
  readonly #block: Buffer
  readonly #columns: BlockColumns
  readonly #hash: SipHash
  readonly #base: number
  #index = 0
  #position: number

  constructor(block: Buffer, hash: SipHash) {
    this.#block = block
    this.#columns = new BlockColumns(block)
    this.#hash = hash
    this.#base = baseOffsetOf(block)
    this.#position = this.#columns.bytesStart
    this.count = this.#columns.count
  }

  /** Goes to the next message; returns whether it has a key. */
  next(): boolean {
    const { keys, values, offsets } = this.#columns
    const index = this.#index++
    const key = keys[index] as number
    const value = values[index] as number
    const start = this.#position
    this.offset = this.#base + (offsets === null ? index : (offsets[index] as number))
    this.isTombstone = value < 0
    this.#position = start + Math.max(key, 0) + Math.max(value, 0)
    if (key >= 0) this.#hash.hash(this.#block, start, start + key)
    return key >= 0
  }
}
