import { baseOffsetOf, nextOffsetOf, transactionOf } from '../block/block-header.js'
import { Ring } from '../../lib/ring.js'
import type { Answer, Query } from './query.js'

/** The newest blocks of all logs of a broker: when they take too much memory, the oldest go, whichever log they belong to. */
export class BlockMemory {
  readonly #budget: number
  readonly #order = new Ring<Recent>()
  #bytes = 0

  constructor(budget: number) {
    this.#budget = budget
  }

  get bytes(): number {
    return this.#bytes
  }

  add(recent: Recent): void {
    this.#order.push(recent)
    this.#bytes += weightOf(recent)
    while (this.#bytes > this.#budget) {
      const oldest = this.#order.shift() as Recent
      this.#bytes -= weightOf(oldest)
      oldest.row.dropOldest()
    }
  }

  remove(isGone: (recent: Recent) => boolean): void {
    this.#order.remove(recent => {
      if (!isGone(recent)) return false
      this.#bytes -= weightOf(recent)
      return true
    })
  }
}

/** The newest blocks of one log. */
export class RecentBlocks {
  readonly #memory: BlockMemory
  #start: number
  /** `null` while there are none, since most logs are at rest. */
  #blocks: Ring<Recent> | null = null

  constructor(memory: BlockMemory, end: number) {
    this.#memory = memory
    this.#start = end
  }

  /** From this offset on they are all here. */
  get start(): number {
    return this.#start
  }

  /** Keeps the log's next block, which nobody may change any more. */
  add(block: Buffer): void {
    const own = block.buffer.byteLength > 2 * block.length ? copyOf(block) : block
    const recent: Recent = {
      row: this,
      block: own,
      base: baseOffsetOf(block),
      next: nextOffsetOf(block),
      transaction: transactionOf(block),
    }
    this.#blocks ??= new Ring()
    this.#blocks.push(recent)
    this.#memory.add(recent)
  }

  /** What is there for a reader at `from`, which must not be below `start`. */
  read({ from, limit, maxBytes, isHidden }: Query): Answer {
    const blocks: Buffer[] = []
    let [position, bytes] = [from, 0]
    for (let index = this.#indexOf(from); ; index++) {
      const recent = this.#blocks?.at(index)
      if (recent === undefined || recent.base >= limit) return { blocks, position: Math.max(position, limit) }
      if (!isHidden(recent.transaction, recent.base)) {
        bytes += recent.block.length
        if (blocks.length > 0 && bytes > maxBytes) return { blocks, position }
        blocks.push(recent.block)
      }
      position = recent.next
    }
  }

  /** Drops the blocks below `offset`. */
  forgetBelow(offset: number): void {
    if (offset <= this.#start) return
    this.#start = offset
    if (this.#blocks === null) return
    this.#memory.remove(({ row, base }) => row === this && base < offset)
    this.#blocks.remove(({ base }) => base < offset)
    this.#shrink()
  }

  /** Its first block has no room any more. */
  dropOldest(): void {
    this.#start = this.#blocks?.shift()?.next ?? this.#start
    this.#shrink()
  }

  #shrink(): void {
    if (this.#blocks?.length === 0) this.#blocks = null
  }

  /** The first block that reaches beyond `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#blocks?.length ?? 0
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#blocks?.at(middle)?.next ?? Infinity) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Recent {
  readonly row: RecentBlocks
  readonly block: Buffer
  readonly base: number
  readonly next: number
  readonly transaction: number
}

/** What a block takes, with the objects around it. */
function weightOf({ block }: Recent): number {
  return block.length + 256
}

/** So that a small block does not keep in memory all that it arrived with. */
function copyOf(block: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(block.length)
  copy.set(block)
  return copy
}
