import { BlockColumns } from '../block/block-columns.js'
import { baseOffsetOf } from '../block/block-header.js'

/** The keys of a block, one after the other. */
export class KeyWalk {
  readonly count: number
  offset = -1
  /** Its bytes, one character each; the one before where the message has none. */
  key = ''
  isTombstone = false
  readonly #block: Buffer
  readonly #columns: BlockColumns
  readonly #base: number
  #index = 0
  #position: number

  constructor(block: Buffer) {
    this.#block = block
    this.#columns = new BlockColumns(block)
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
    if (key >= 0) this.key = this.#block.toString('latin1', start, start + key)
    return key >= 0
  }
}
