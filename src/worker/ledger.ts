import { Ring } from '../lib/ring.js'
import type { Delivered } from '../stream/delivered.js'

/**
 * Receipts in, committable offsets out. What was delivered and has not settled holds back everything behind it; what was
 * never delivered (compaction, markers) needs no settling. All offsets are the next one to read.
 */
export class Ledger {
  /** What the broker knows. */
  committed: number
  #position: number
  readonly #lots = new Ring<Delivered>()
  /** How many lots there may be before those behind a hole are looked through. */
  #roomy = usualLots

  constructor(start: number) {
    this.committed = start
    this.#position = start
  }

  /** Everything below has been delivered, or never will be. */
  get position(): number {
    return this.#position
  }

  /** A batch has arrived: one lot for each stream that gets it, none where nobody does. */
  delivered(lots: readonly Delivered[], nextOffset: number): void {
    // At every batch, not only at commits: what is done must not be kept in memory.
    this.#forgetDone()
    for (const lot of lots) if (lot.count > 0) this.#lots.push(lot)
    if (this.#lots.length > this.#roomy) this.#forgetDoneBehindHoles()
    this.#position = nextOffset
  }

  /** The reader has come here without a batch: past markers, or what has been compacted away. */
  passed(position: number): void {
    this.#position = Math.max(this.#position, position)
  }

  /** Whether nothing is unsettled, and the broker knows it. */
  get isIdle(): boolean {
    this.#forgetDone()
    return this.#lots.length === 0 && this.#position <= this.committed
  }

  /** The lowest delivered, unsettled offset over all streams, or the position when there is none. */
  get committable(): number {
    this.#forgetDone()
    const front = this.#lots.peek()
    if (front === undefined) return this.#position
    let lowest = front.lowestOffset
    const first = front.columns.offset(0)
    for (let at = 1; at < this.#lots.length; at++) {
      const lot = this.#lots.at(at) as Delivered
      if (lot.columns.offset(0) !== first) break
      if (!lot.isDone) lowest = Math.min(lowest, lot.lowestOffset)
    }
    return lowest
  }

  /** Events that somebody works on. Only what has left its queue's lane, or whose lane was dropped, is counted right. */
  get inHand(): number {
    let count = 0
    for (let at = 0; at < this.#lots.length; at++) count += (this.#lots.at(at) as Delivered).inHand
    return count
  }

  #forgetDone(): void {
    while (this.#lots.peek()?.isDone === true) this.#lots.shift()
  }

  /** One event that takes for ever must not keep all that is done after it in memory. */
  #forgetDoneBehindHoles(): void {
    this.#lots.remove(lot => lot.isDone)
    this.#roomy = Math.max(usualLots, 2 * this.#lots.length)
  }
}

const usualLots = 64
