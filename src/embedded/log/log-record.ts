/** What the metadata know of a log. What its files have beyond that never happened. */
export interface LogRecord {
  /** First offset that is still there. */
  readonly start: number
  /** Offset after the last message or marker. */
  readonly end: number
  /** Base offset of the segment that is being written. */
  readonly segment: number
  /** Bytes of that segment. */
  readonly position: number
  /** Where its last block begins; -1 when it has none. */
  readonly lastBlock: number
  /** Segments that are closed but not yet known to be on the disk: base offset and bytes of each. */
  readonly unsynced: readonly (readonly [number, number])[]
  /** Below this offset compaction has left one message of each key. */
  readonly clean: number
  /** Tombstones below this offset have been the only message of their key since then, in milliseconds since 1970. */
  readonly tombstones: readonly [offset: number, sinceMs: number] | null
}

/** The transactions of a log, kept apart because they change less often. */
export interface TransactionRecord {
  /** Number and first offset of each, in order of these. */
  readonly open: readonly (readonly [transaction: number, firstOffset: number])[]
  /** Number, first and last offset of each that left messages behind. */
  readonly aborted: readonly (readonly [transaction: number, firstOffset: number, lastOffset: number])[]
}

/** What a commit writes to the metadata. */
export interface Staged {
  readonly log: LogRecord
  /** `null` where they are as before. */
  readonly transactions: TransactionRecord | null
}

/** Of a log that nothing has been stored in. */
export const emptyRecord: LogRecord = {
  start: 0,
  end: 0,
  segment: 0,
  position: 0,
  lastBlock: -1,
  unsynced: [],
  clean: 0,
  tombstones: null,
}
