import type { TopicDescription, TopicPartition } from '../../transport/transport.js'
import type { LogRecord } from '../log/log-record.js'
import type { PartitionLog } from '../log/partition-log.js'
import type { Committer, Staged } from './committer.js'
import { keyOf } from './keys.js'
import type { Metadata } from './metadata.js'

/**
 * A partition of a topic: its log, and where that is kept in the metadata. Files go only after the disk knows that they are not
 * part of the log any more: a record from before would name what is gone.
 */
export class Partition implements Staged {
  readonly at: TopicPartition
  readonly topicId: string
  readonly isCompacted: boolean
  readonly log: PartitionLog
  isDeleted = false
  /** Its messages never grow too old or too many. */
  readonly #isKept: boolean
  readonly #committer: Committer
  readonly #epoch: number
  /** What this owner has stored last. */
  #stored: LogRecord | null = null

  constructor(topic: TopicDescription, log: PartitionLog, { committer, epoch }: { committer: Committer; epoch: number }) {
    this.at = log.at
    this.topicId = topic.id
    this.isCompacted = topic.compacted
    this.log = log
    this.#isKept = topic.compacted || (topic.retentionMs < 0 && topic.retentionBytes < 0)
    this.#committer = committer
    this.#epoch = epoch
  }

  /** Changes the log. The next commit contains it, also when it throws. */
  change<Result>(run: (log: PartitionLog) => Result): Result {
    this.#committer.touch(this)
    return run(this.log)
  }

  /** Drops what has outlived its retention. Throws `TransportError`. */
  async expire(nowMs: number): Promise<void> {
    if (this.#isKept || this.isDeleted) return
    if (await this.log.expire(nowMs)) this.#committer.durably(() => this.#committer.touch(this))
  }

  /** Drops what is below the offset. */
  trim(offset: number): void {
    this.#committer.durably(() => this.change(log => log.trim(offset)))
  }

  /** Compacts the segments that are closed, if there is enough to do. Throws `TransportError`. */
  async compactIfDue(): Promise<void> {
    if (!this.isCompacted || this.isDeleted) return
    await this.#commit()
    if (!this.isDeleted && this.log.isCompactionDue()) await this.#compact()
  }

  /** Compacts everything that is committed. Throws `TransportError`. */
  async compact(): Promise<void> {
    this.log.roll()
    await this.log.sync()
    await this.#compact()
  }

  stage(metadata: Metadata): void {
    const staged = this.isDeleted ? null : this.log.stage()
    if (staged === null) return
    metadata.set(this.#key('log'), toStored(staged.log, this.#epoch))
    this.#stored = staged.log
    if (staged.transactions !== null) metadata.set(this.#key('transactions'), staged.transactions)
  }

  sync(): Promise<void> {
    return this.log.sync()
  }

  publish(): void {
    this.log.publish()
  }

  /** Puts on the disk what this owner has written; the next commit says so. Throws `TransportError`. */
  async settle(): Promise<void> {
    const stored = this.#stored
    if (stored === null) return
    await this.log.sync()
    if (this.#stored === stored && !this.isDeleted) this.#committer.set(this.#key('log'), toStored(stored, onDisk))
  }

  /** From now on it is not stored any more. */
  forget(): void {
    this.isDeleted = true
    this.#committer.delete(this.#key('log'))
    this.#committer.delete(this.#key('transactions'))
  }

  async #compact(): Promise<void> {
    // Only what the metadata know to be on the disk is compacted.
    await this.#commit()
    await this.log.compact(() => this.#committer.settled())
    await this.#commit()
  }

  #commit(): Promise<void> {
    this.#committer.touch(this)
    return this.#committer.committed()
  }

  #key(kind: 'log' | 'transactions'): string {
    return keyOf(kind, this.topicId, this.at.partition)
  }
}

/** What is stored of a log, and which owner did; `onDisk` when all of it is known to be on the disk. */
export interface StoredLogRecord extends LogRecord {
  readonly epoch: number
}

/** No owner's. */
const onDisk = Number.MAX_SAFE_INTEGER

function toStored(log: LogRecord, epoch: number): StoredLogRecord {
  return { ...log, epoch }
}
