import type { TransactionRecord } from './log-record.js'

/** The transactions that have written to one log. */
export class LogTransactions {
  /** First offset of each open one, lowest first. */
  readonly #open: Map<number, number>
  #aborted: AbortedTransactions

  constructor(record: TransactionRecord) {
    this.#open = new Map(record.open)
    this.#aborted = new Map(record.aborted.map(([transaction, first, last]) => [transaction, { first, last }]))
  }

  /** Replaced at every change: who holds it sees what was aborted when they took it. */
  get aborted(): AbortedTransactions {
    return this.#aborted
  }

  /** Where the first open transaction begins; `end` when none is open. */
  stableEnd(end: number): number {
    for (const first of this.#open.values()) return first
    return end
  }

  /** Returns whether it is new here. */
  begin(transaction: number, offset: number): boolean {
    if (transaction === 0 || this.#open.has(transaction)) return false
    this.#open.set(transaction, offset)
    return true
  }

  /** `marker` is the offset that its end takes. */
  end(transaction: number, { isCommit, marker }: { isCommit: boolean; marker: number }): boolean {
    const first = this.#open.get(transaction)
    if (first === undefined) return false
    this.#open.delete(transaction)
    if (!isCommit) this.#aborted = new Map(this.#aborted).set(transaction, { first, last: marker - 1 })
    return true
  }

  /** Forgets aborted transactions of which nothing is left at or after `offset`; returns whether there were any. */
  forgetBelow(offset: number): boolean {
    const kept = [...this.#aborted].filter(([, { last }]) => last >= offset)
    if (kept.length === this.#aborted.size) return false
    this.#aborted = new Map(kept)
    return true
  }

  toRecord(): TransactionRecord {
    return {
      open: [...this.#open],
      aborted: Array.from(this.#aborted, ([transaction, { first, last }]) => [transaction, first, last] as const),
    }
  }
}

/** Aborted transactions by number. */
export type AbortedTransactions = ReadonlyMap<number, Range>

interface Range {
  readonly first: number
  readonly last: number
}

/** Whether a block at `offset` belongs to a transaction that was aborted. */
export function isAborted(aborted: AbortedTransactions, transaction: number, offset: number): boolean {
  if (transaction === 0) return false
  const range = aborted.get(transaction)
  return range !== undefined && offset >= range.first && offset <= range.last
}
