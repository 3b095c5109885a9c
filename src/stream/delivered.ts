import type { Headers } from '../message/record.js'

/** A value that the topic's policy has dealt with: skipped and settled by whoever meets it. */
export const unreadable: unique symbol = Symbol('unreadable')

/** A value that stops its worker: neither handed out nor settled. */
export const halting: unique symbol = Symbol('halting')

/** Where decoded events lie: by columns, so that an event is two integers. */
export interface Columns {
  readonly topic: string
  readonly partition: number
  readonly count: number
  /** What the messages weigh while they wait, in bytes. */
  readonly bytes: number
  /** Decodes the values, the first time; the same array for every stream that shares the columns. */
  open(): readonly unknown[]
  /** One stream is done with all of the values: when the last is, they need not be kept. */
  release?(): void
  /** Whether some value of the opened columns is a promise, `unreadable` or `halting`. */
  readonly isOdd: boolean
  /** Whether any event has headers: nobody looks otherwise. */
  readonly hasHeaders: boolean
  key(index: number): unknown
  offset(index: number): number
  timestamp(index: number): number
  headers(index: number): Headers
}

/** One tenure of a partition's owner: what was delivered under it settles under it, or not at all. */
export interface Tenure {
  /** The partition is to go: what waits to be complete is given out as it is. */
  isLeaving: boolean
  /** The partition has gone: nothing settles any more. */
  isOver: boolean
  /** Hears of events that settle or are given back while somebody needs to know (a drain, a commit after so many events). */
  settled: (() => void) | null
}

/** Where a batch's events go back to when they have to be handed out again. */
export interface Returns {
  putBack(events: readonly { readonly lot: Delivered; readonly index: number }[]): void
  block(): void
  unblock(): void
}

/** One delivered batch on its way through one stream, and how much of it is settled. Receipts are places in it. */
export class Delivered {
  readonly columns: Columns
  readonly tenure: Tenure
  readonly count: number
  /** Its lane, once it is in one, and which lot of it this is. */
  returns: Returns | null = null
  number = 0
  /** The opened values; empty before. */
  values: readonly unknown[] = []
  isOpen = false
  /** How many events have been handed out, as far as its lane has said. */
  handed = 0
  #low = 0
  #left: number
  #bits: Uint8Array | null = null
  /** Handed out and given back, to be handed out again or never. */
  #away: Set<number> | null = null

  constructor(columns: Columns, tenure: Tenure) {
    this.columns = columns
    this.tenure = tenure
    this.count = columns.count
    this.#left = columns.count
  }

  open(): void {
    this.values = this.columns.open()
    this.isOpen = true
  }

  /** Settles one event; once. In order it is an integer, out of order a byte. */
  settle(index: number): void {
    if (this.tenure.isOver || index < this.#low) return
    if (index === this.#low && this.#bits === null) this.#low++
    else if (!this.#mark(index)) return
    this.#left--
    if (this.#away !== null) this.#away.delete(index)
    if (this.#left === 0) this.#finish()
    if (this.tenure.settled !== null) this.tenure.settled()
  }

  /** One event is in nobody's hands any more, without being settled: it is handed out again, or never. */
  giveBack(index: number): void {
    this.#away ??= new Set()
    this.#away.add(index)
    this.tenure.settled?.()
  }

  /** It is handed out once more. */
  takeAgain(index: number): void {
    this.#away?.delete(index)
  }

  /** How many handed out events are in nobody's hands, unsettled. */
  get returned(): number {
    return this.#away?.size ?? 0
  }

  isSettled(index: number): boolean {
    return index < this.#low || this.#bits?.[index] === 1
  }

  get isDone(): boolean {
    return this.#left === 0
  }

  /** Settled so far. */
  get settledCount(): number {
    return this.count - this.#left
  }

  /** Events that somebody still works on: handed out, not settled, not waiting to be handed out again. */
  get inHand(): number {
    return this.#left - (this.count - this.handed) - this.returned
  }

  /** Offset of the lowest unsettled event. */
  get lowestOffset(): number {
    return this.columns.offset(this.#low)
  }

  /** The ledger may keep the lot for longer than its values are worth. */
  #finish(): void {
    this.values = []
    this.columns.release?.()
  }

  #mark(index: number): boolean {
    const bits = (this.#bits ??= new Uint8Array(this.count))
    if (bits[index] === 1) return false
    bits[index] = 1
    while (this.#low < this.count && bits[this.#low] === 1) this.#low++
    return true
  }
}
