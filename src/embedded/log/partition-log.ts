import { rm } from 'node:fs/promises'
import type { TransportError } from '../../errors.js'
import { topicDeleted } from '../../transport/reader-refusals.js'
import type { Isolation, TopicPartition } from '../../transport/transport.js'
import { countOf } from '../block/block-header.js'
import { stamp } from '../block/stored-block.js'
import type { CompactedLog } from './compacted-log.js'
import { compact, isCompactionDue } from './compaction.js'
import type { LogRecord, Staged, TransactionRecord } from './log-record.js'
import { LogState } from './log-state.js'
import { isAborted } from './log-transactions.js'
import type { Answer, Query } from './query.js'
import { readSegments } from './read-segments.js'
import { RecentBlocks } from './recent-blocks.js'
import { recover } from './recovery.js'
import { expiredBelow, type Retention } from './retention.js'
import { SegmentRow } from './segment-row.js'
import { findTime } from './segment-times.js'
import type { Shelf } from './shelf.js'
import { cannotRead, cannotStore } from './storage-error.js'

/**
 * The durable log of one partition. What is written is there for readers once it was staged, the metadata were written and it
 * was published; until then it is not part of the log, and after a crash it never was. Files are opened when they are needed:
 * a log at rest is this object alone. Whatever opens them throws `TransportError`, and so does everything after `delete`.
 */
export class PartitionLog {
  readonly at: TopicPartition
  /** Called after what readers may see has changed, and when the log is deleted. */
  readonly onGrown: Set<() => void> = new Set()
  isDeleted = false
  readonly #options: PartitionLogOptions
  readonly #shelf: Shelf
  readonly #segmentBytes: number
  readonly #state: LogState
  readonly #recent: RecentBlocks
  #row: SegmentRow | null = null
  #compacting: Promise<void> | null = null

  constructor(options: PartitionLogOptions) {
    const { at, record, transactions, shelf } = options
    this.at = at
    this.#options = options
    this.#shelf = shelf
    this.#segmentBytes = segmentBytesOf(options)
    this.#state = new LogState(record, transactions)
    this.#recent = new RecentBlocks(shelf.memory, this.#state.end)
  }

  /**
   * Stamps a block that has been validated and writes it behind everything else; returns its base offset. Nobody may change
   * the block any more. Throws `TransportError`, and the log is as before.
   */
  append(block: Buffer, { transaction, nowMs }: { transaction: number; nowMs: number }): number {
    const row = this.#open()
    const base = this.#state.end
    const { bytes } = row.active
    if (bytes > 0 && bytes + block.length > this.#segmentBytes) this.roll()
    stamp(block, { baseOffset: base, storedAt: nowMs, transaction })
    this.#write(row, () => row.active.write(block, this.#shelf.files))
    this.#state.append(countOf(block), transaction)
    this.#recent.add(block)
    return base
  }

  /** Ends a transaction in this partition, which takes one offset. */
  mark(transaction: number, isCommit: boolean): void {
    const { active } = this.#open()
    this.#state.mark(transaction, isCommit)
    active.end = this.#state.end
  }

  /** Drops what is below `offset`, as far as it is committed. */
  trim(offset: number): void {
    this.#open()
    const start = Math.min(offset, this.#state.committed.record.end)
    if (start <= this.#state.start) return
    // What is damaged can be left behind in this way, too.
    if (start === this.#state.end) this.roll()
    this.#state.trim(start)
  }

  /** Drops what has outlived the retention; resolves to whether there was anything. */
  async expire(nowMs: number): Promise<boolean> {
    if (this.isDeleted || this.#state.start === this.#state.end) return false
    const row = this.#open()
    const { start, committed } = this.#state
    const { retention: keeps, shelf } = this.#options
    const offset = await expiredBelow(row, { keeps, nowMs, settled: committed.stableEnd, files: shelf.files })
    if (this.isDeleted) return false
    this.trim(offset)
    return this.#state.start > start
  }

  /** Closes the segment that is being written, if it has anything: what is closed can be compacted. */
  roll(): void {
    const row = this.#open()
    const closed = row.active
    if (closed.bytes === 0) return
    this.#write(row, () => row.roll(this.#shelf.files))
    this.#state.rolled()
    const fail = (error: unknown): void => this.#shelf.logger.error({ ...this.at, error }, 'a segment is not on the disk')
    closed.sync(this.#shelf.files).then(() => this.#state.settled(), fail)
  }

  /** What has changed since this was last called, for the metadata; `null` for nothing. */
  stage(): Staged | null {
    return this.#state.hasChanged && !this.isDeleted ? this.#state.stage(this.#open()) : null
  }

  /** The metadata hold what was staged: readers may see it, and what it has dropped is removed. */
  publish(): void {
    const record = this.#state.publish()
    if (record === null || this.isDeleted) return
    for (const { file } of this.#open().dropBelow(record.start)) this.#shelf.remove(file)
    this.#wake()
  }

  /** Puts on the disk what has been written; throws `TransportError` when the disk has not taken it. */
  async sync(): Promise<void> {
    for (const segment of this.#row?.all ?? []) if (segment.synced < segment.bytes) await segment.sync(this.#shelf.files)
  }

  /** First offset that is still there. */
  startOffset(): number {
    this.#open()
    return this.#state.committed.record.start
  }

  /** Offset after the last message or marker that such a reader may see. */
  endOffset(isolation: Isolation): number {
    this.#open()
    const { record, stableEnd } = this.#state.committed
    return isolation === 'read-uncommitted' ? record.end : Math.max(stableEnd, record.start)
  }

  /**
   * Whole blocks, the first one being that which contains `from`, at least one if there is any, and the position after them,
   * past markers and whatever is not for this reader. At once when they are still in memory. Throws or rejects with
   * `TransportError`; blocks before a damaged one are still read.
   */
  read(from: number, { isolation, maxBytes }: { isolation: Isolation; maxBytes: number }): Answer | Promise<Answer> {
    const limit = this.endOffset(isolation)
    const begin = Math.max(from, this.#state.committed.record.start)
    if (begin >= limit) return { blocks: [], position: begin }
    const query = { from: begin, limit, maxBytes, isHidden: this.#hidesFrom(isolation) }
    return begin >= this.#recent.start ? this.#recent.read(query) : this.#readFiles(query)
  }

  /** First offset whose timestamp is at or after `timestamp`, in milliseconds since 1970; `null` for none. */
  async offsetForTime(timestamp: number): Promise<number | null> {
    const row = this.#open()
    const { start: from, end: limit } = this.#state.committed.record
    for (const segment of row.all) {
      if (segment.end <= from || segment.base >= limit || !row.has(segment)) continue
      const offset = await findTime(segment, { timestamp, from, limit }, this.#shelf.files)
      if (this.isDeleted) throw this.#deleted()
      if (offset !== null) return offset
    }
    return null
  }

  /** Whether compaction has enough to do. */
  isCompactionDue(): boolean {
    return this.#options.retention.compacted && isCompactionDue(this.#toCompact())
  }

  /**
   * Compacts what is closed, committed and on the disk. `settle` puts the metadata on the disk as they are: older ones would
   * not fit the files any more. Throws `TransportError`; what was done until then stays done.
   */
  compact(settle: () => Promise<void>): Promise<void> {
    this.#compacting ??= this.#compact(settle).finally(() => (this.#compacting = null))
    return this.#compacting
  }

  /** Removes the log and its files; readers end. */
  async delete(): Promise<void> {
    this.isDeleted = true
    this.#recent.forgetBelow(Infinity)
    for (const { file } of this.#row?.all ?? []) this.#shelf.files.forget(file)
    this.#wake()
    await this.#compacting?.catch(() => undefined)
    await rm(this.#options.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #open(): SegmentRow {
    if (this.isDeleted) throw this.#deleted()
    return (this.#row ??= this.#recover())
  }

  #deleted(): TransportError {
    const { topic, partition } = this.at
    return topicDeleted(this.at, `Cannot reach "${topic}"[${partition}]`)
  }

  #recover(): SegmentRow {
    const { at, folder, isSuspect = false } = this.#options
    const { record } = this.#state.committed
    try {
      const found = recover({ at, folder, record }, { isSuspect, logger: this.#shelf.logger })
      if (found.record !== record) this.#state.cut(found.record)
      return new SegmentRow(at, folder, found.segments)
    } catch (error) {
      throw cannotRead(at, folder, error)
    }
  }

  #write(row: SegmentRow, write: () => void): void {
    try {
      write()
    } catch (error) {
      throw cannotStore(this.at, row.active.file.path, error)
    }
  }

  #hidesFrom(isolation: Isolation): Query['isHidden'] {
    const { aborted } = this.#state.transactions
    if (isolation === 'read-uncommitted' || aborted.size === 0) return () => false
    return (transaction, offset) => isAborted(aborted, transaction, offset)
  }

  async #readFiles(query: Query): Promise<Answer> {
    const answer = await readSegments(this.#open(), this.#shelf.files, query)
    if (this.isDeleted) throw this.#deleted()
    return answer
  }

  async #compact(settle: () => Promise<void>): Promise<void> {
    const log = this.#toCompact()
    if (log.state.clean >= log.upTo) return
    await settle()
    const compaction = await compact(log)
    if (compaction === null || log.isOver()) return
    this.#state.compacted(compaction)
    this.#recent.forgetBelow(compaction.clean)
  }

  #toCompact(): CompactedLog {
    const row = this.#open()
    const { record, stableEnd } = this.#state.committed
    const closed = Math.min(record.segment, ...record.unsynced.map(([base]) => base))
    return {
      at: this.at,
      folder: this.#options.folder,
      row,
      shelf: this.#shelf,
      state: this.#state.compaction,
      upTo: Math.min(stableEnd, closed),
      aborted: this.#state.transactions.aborted,
      isOver: () => this.isDeleted || this.#shelf.isClosed,
    }
  }

  #wake(): void {
    if (this.onGrown.size > 0) for (const listener of [...this.onGrown]) listener()
  }
}

/** Retention drops whole segments: where little is kept they are small. */
function segmentBytesOf({ shelf, retention: { retentionBytes } }: PartitionLogOptions): number {
  return retentionBytes < 0 ? shelf.segmentBytes : Math.min(shelf.segmentBytes, Math.ceil(retentionBytes / 8))
}

export interface PartitionLogOptions {
  readonly at: TopicPartition
  /** Where its segments are; need not exist yet. */
  readonly folder: string
  /** What was staged and written last; `null` for a new log. */
  readonly record: LogRecord | null
  readonly transactions: TransactionRecord | null
  readonly shelf: Shelf
  readonly retention: Retention
  /** Whether the machine has been down since then: what may not have reached the disk is looked at. Default false. */
  readonly isSuspect?: boolean
}
