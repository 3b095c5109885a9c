import type { TopicPartition } from '../../transport/transport.js'
import type { AbortedTransactions } from './log-transactions.js'
import type { SegmentRow } from './segment-row.js'
import type { Shelf } from './shelf.js'

/** A log that is to be compacted. */
export interface CompactedLog {
  readonly at: TopicPartition
  readonly folder: string
  readonly row: SegmentRow
  readonly shelf: Shelf
  readonly state: CompactionState
  /** Segments that begin below are closed and on the disk, and the metadata know it; transactions that began below are over. */
  readonly upTo: number
  readonly aborted: AbortedTransactions
  /** Whether to stop, since the log is not there any more or belongs to somebody else. */
  readonly isOver: () => boolean
}

/** See `LogRecord`. */
export interface CompactionState {
  readonly clean: number
  readonly tombstones: readonly [offset: number, sinceMs: number] | null
}
