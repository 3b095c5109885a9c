import { Ring } from '../lib/ring.js'
import type { Delivered, Returns } from './delivered.js'

/** Where an event is handed out to. */
export interface Cursor {
  lot: Delivered | null
  index: number
}

/** An event in somebody's hands. */
export interface Held {
  readonly lot: Delivered
  readonly index: number
}

/** A lane is full at either limit; it asks for more when it has fallen to half. */
export interface LaneLimits {
  readonly events: number
  readonly bytes: number
}

const usual: LaneLimits = { events: 4096, bytes: 1 << 20 }

/** One partition's part of a queue: its batches in order, and what has to be handed out again. */
export class Lane implements Returns {
  queued = 0
  readonly #lots = new Ring<Delivered>()
  /** In the order in which they were delivered. */
  readonly #again: Held[] = []
  readonly #onDemand: () => void
  readonly #onUnblocked: () => void
  readonly #limits: LaneLimits
  #pushed = 0
  #bytes = 0
  /** The opened batch, unless something comes before it. */
  #ready: Delivered | null = null
  #at = 0
  #blocks = 0
  #isFull = false
  #isDropped = false

  constructor(options: { onDemand: () => void; onUnblocked: () => void; limits?: LaneLimits | undefined }) {
    this.#onDemand = options.onDemand
    this.#onUnblocked = options.onUnblocked
    this.#limits = options.limits ?? usual
  }

  push(lot: Delivered): void {
    lot.returns = this
    lot.number = this.#pushed++
    this.#lots.push(lot)
    this.queued += lot.count
    this.#bytes += lot.columns.bytes
    this.#isFull = this.queued >= this.#limits.events || this.#bytes >= this.#limits.bytes
  }

  get wantsMore(): boolean {
    return !this.#isFull
  }

  get hasEvents(): boolean {
    return this.queued > 0 && this.#blocks === 0
  }

  get isBlocked(): boolean {
    return this.#blocks > 0
  }

  /** The fast way: the next event of the batch that is open. */
  hand(cursor: Cursor): boolean {
    const lot = this.#ready
    if (lot === null) return false
    cursor.lot = lot
    cursor.index = this.#at++
    this.queued--
    if (this.#at === lot.count) this.#retire(lot)
    return true
  }

  /** The slow way: what comes again, else the next batch. */
  advance(cursor: Cursor): boolean {
    if (this.#blocks > 0) return false
    for (let again = this.#again.shift(); again !== undefined; again = this.#again.shift()) {
      this.queued--
      // Meanwhile its reader may have settled it by hand.
      if (again.lot.isSettled(again.index)) continue
      again.lot.takeAgain(again.index)
      cursor.lot = again.lot
      cursor.index = again.index
      return true
    }
    return this.#openNext() && this.hand(cursor)
  }

  /** Has events handed out once more, before all others and each at its old place, whichever came back first. */
  putBack(events: readonly Held[]): void {
    this.#ready = null
    for (const held of events) {
      // Its reader may have settled it by hand.
      if (held.lot.isSettled(held.index)) continue
      held.lot.giveBack(held.index)
      if (this.#isDropped) continue
      this.#again.push(held)
      this.queued++
    }
    this.#again.sort(byPlace)
  }

  block(): void {
    this.#blocks++
    this.#ready = null
  }

  unblock(): void {
    this.#blocks--
    if (this.#blocks === 0) this.#onUnblocked()
  }

  /** Forgets what was not handed out; what was stays in hand. */
  drop(): void {
    this.#isDropped = true
    const front = this.#lots.peek()
    if (front !== undefined) front.handed = this.#at
    this.#again.length = 0
    this.#lots.clear()
    this.#ready = null
    this.queued = 0
    this.#bytes = 0
  }

  #openNext(): boolean {
    const lot = this.#lots.peek()
    if (lot === undefined) return false
    if (!lot.isOpen) lot.open()
    this.#ready = lot
    return true
  }

  #retire(lot: Delivered): void {
    lot.handed = lot.count
    this.#lots.shift()
    this.#ready = null
    this.#at = 0
    this.#bytes -= lot.columns.bytes
    if (!this.#isFull || this.queued > this.#limits.events / 2 || this.#bytes > this.#limits.bytes / 2) return
    this.#isFull = false
    this.#onDemand()
  }
}

function byPlace(left: Held, right: Held): number {
  return left.lot.number - right.lot.number || left.index - right.index
}
