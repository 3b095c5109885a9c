import type { CompactionState } from './compacted-log.js'
import { emptyRecord, type LogRecord, type Staged, type TransactionRecord } from './log-record.js'
import { LogTransactions } from './log-transactions.js'
import type { SegmentRow } from './segment-row.js'

/** What the metadata say of a log, three times: as it is being changed, as it was staged, as it is committed. */
export class LogState {
  readonly transactions: LogTransactions
  #start: number
  #end: number
  #compaction: CompactionState
  #committed: Committed
  #staged: Committed | null = null
  #hasChanged = false
  #haveTransactionsChanged = false

  constructor(record: LogRecord | null, transactions: TransactionRecord | null) {
    const { start, end, clean, tombstones } = record ?? emptyRecord
    this.transactions = new LogTransactions(transactions ?? { open: [], aborted: [] })
    this.#start = start
    this.#end = end
    this.#compaction = { clean, tombstones }
    this.#committed = this.#with(record ?? emptyRecord)
  }

  /** What readers see. */
  get committed(): Committed {
    return this.#committed
  }

  /** First offset that is still there, committed or not. */
  get start(): number {
    return this.#start
  }

  /** The next offset to be written. */
  get end(): number {
    return this.#end
  }

  get compaction(): CompactionState {
    return this.#compaction
  }

  /** Takes up messages that have been written, in a transaction unless it is 0. */
  append(count: number, transaction: number): void {
    if (this.transactions.begin(transaction, this.#end)) this.#haveTransactionsChanged = true
    this.#end += count
    this.#hasChanged = true
  }

  /** Ends a transaction, which takes one offset. */
  mark(transaction: number, isCommit: boolean): void {
    if (this.transactions.end(transaction, { isCommit, marker: this.#end })) this.#haveTransactionsChanged = true
    this.#end++
    this.#hasChanged = true
  }

  trim(start: number): void {
    this.#start = start
    this.#hasChanged = true
  }

  /** Another segment is being written now. */
  rolled(): void {
    this.#hasChanged = true
  }

  /** A segment that was closed is on the disk now, as the metadata are to know. */
  settled(): void {
    this.#hasChanged = true
  }

  compacted(state: CompactionState): void {
    this.#compaction = state
    this.#forgetAborted(state.clean)
    this.#hasChanged = true
  }

  /** The files were found to hold less than they should. */
  cut(record: LogRecord): void {
    this.#committed = this.#with(record)
    this.#hasChanged = true
  }

  stage({ all, active }: SegmentRow): Staged {
    const unsynced = all.filter(segment => segment.synced < segment.bytes && segment !== active)
    const log: LogRecord = {
      start: this.#start,
      end: this.#end,
      segment: active.base,
      position: active.bytes,
      lastBlock: active.lastBlock,
      unsynced: unsynced.map(({ base, bytes }) => [base, bytes]),
      ...this.#compaction,
    }
    const transactions = this.#haveTransactionsChanged ? this.transactions.toRecord() : null
    this.#staged = this.#with(log)
    this.#hasChanged = false
    this.#haveTransactionsChanged = false
    return { log, transactions }
  }

  /** Whether there is something to stage. */
  get hasChanged(): boolean {
    return this.#hasChanged
  }

  /** Returns the record that was staged; `null` when none was. */
  publish(): LogRecord | null {
    const staged = this.#staged
    if (staged === null) return null
    this.#staged = null
    this.#committed = staged
    this.#forgetAborted(staged.record.start)
    return staged.record
  }

  #forgetAborted(offset: number): void {
    if (this.transactions.forgetBelow(offset)) this.#haveTransactionsChanged = true
  }

  #with(record: LogRecord): Committed {
    return { record, stableEnd: this.transactions.stableEnd(record.end) }
  }
}

export interface Committed {
  readonly record: LogRecord
  /** Where the first transaction begins that was open then. */
  readonly stableEnd: number
}
