import { FencedError, TransportError } from '../../errors.js'
import type { Clock, Timer } from '../../lib/clock.js'
import type { Logger } from '../../lib/log.js'
import type { WriterId } from '../wire/protocol.js'
import type { Committer, Staged } from './committer.js'
import { keyOf } from './keys.js'
import type { Metadata } from './metadata.js'
import type { Partition } from './partition.js'
import type { Producer, Told } from './producer.js'
import type { TransactionNumbers } from './transaction-numbers.js'

/** One transactional id: its newest producer, and the transaction that this has open. */
export class TransactionalId implements Producer, Staged {
  readonly id: string
  readonly producerId: number
  told: Told | null = null
  usedMs = 0
  /** 0 is for producers without transactions. */
  #epoch = 0
  #timeoutMs = 0
  /** The last one that has ended, as the producer counts them. */
  #ended: Ended = { count: 0, isCommit: false }
  #open: Open | null = null
  #timer: Timer | null = null
  readonly #surroundings: Surroundings

  constructor(id: string, producerId: number, surroundings: Surroundings) {
    this.id = id
    this.producerId = producerId
    this.#surroundings = surroundings
  }

  get isIdle(): boolean {
    return this.#open === null
  }

  /** Goes on where an earlier owner ended: the time-out of what is open begins anew. */
  restore(record: TransactionalRecord, find: FindPartition): void {
    this.told = record.told
    this.usedMs = record.usedMs
    this.#epoch = record.epoch
    this.#timeoutMs = record.timeoutMs
    this.#ended = record.ended
    if (record.open === null) return
    const { count, transaction, partitions } = record.open
    this.#begin({ count, transaction, partitions: new Set(partitions.flatMap(at => find(at) ?? [])) })
  }

  /** A new producer: whoever had the id before is fenced, and what they have open is aborted. */
  renew(timeoutMs: number): WriterId {
    this.#fence()
    this.#timeoutMs = timeoutMs
    return { producerId: this.producerId, epoch: this.#epoch }
  }

  /** Throws `FencedError` unless this is the newest producer. */
  check({ epoch }: WriterId): void {
    if (epoch === this.#epoch) return
    throw new FencedError(
      `Cannot write as "${this.id}": a newer producer has this transactional id, or its transaction took longer than ` +
        `${this.#timeoutMs} ms. Stop this one, or open a new producer.`,
    )
  }

  remember(told: Told): void {
    this.told = told
    this.#changed()
  }

  /** The first to join opens the transaction. */
  join(count: number, partition: Partition): number {
    this.#checkCount(count)
    const open = this.#open ?? { count, transaction: this.#surroundings.numbers.next(), partitions: new Set() }
    if (this.#open === null) this.#begin(open)
    open.partitions.add(partition)
    return open.transaction
  }

  /** Whether a transaction has ended, and in this way: then its end has come a second time. */
  hasEnded(count: number, isCommit: boolean): boolean {
    if (count > this.#ended.count) return false
    if (count < this.#ended.count || isCommit === this.#ended.isCommit) return true
    const [asked, done] = isCommit ? ['commit', 'aborted'] : ['abort', 'committed']
    throw new TransportError(`Cannot ${asked} a transaction of "${this.id}": it has been ${done} already. Begin another.`, {
      retriable: false,
    })
  }

  /** Ending one that nothing has joined is no error. */
  end(count: number, isCommit: boolean): void {
    if (this.#open !== null) this.#checkCount(count)
    this.#end(isCommit)
    this.#ended = { count, isCommit }
    this.#changed()
  }

  /** The producer goes, and nobody else could end what it has open before the time-out. */
  abandon(writer: WriterId): void {
    if (writer.epoch !== this.#epoch || this.#open === null) return
    this.end(this.#open.count, false)
  }

  /** From now on nothing happens by itself. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  stage(metadata: Metadata): void {
    const { producerId, told, usedMs } = this
    const state = { epoch: this.#epoch, timeoutMs: this.#timeoutMs, ended: this.#ended, open: this.#open && toStored(this.#open) }
    const record: TransactionalRecord = { producerId, told, usedMs, ...state }
    metadata.set(keyOf('writer', this.id), record)
  }

  #checkCount(count: number): void {
    const refusal = (why: string): TransportError =>
      new TransportError(`Cannot write as "${this.id}": ${why}.`, { retriable: false })
    if (count === 0) throw refusal('no transaction is open. Call begin() first')
    if (count <= this.#ended.count) throw refusal(`its transaction ${count} has ended. Begin another`)
    const open = this.#open?.count ?? count
    if (open !== count) throw refusal(`its transaction ${open} is open, not ${count}. End that first`)
  }

  #begin(open: Open): void {
    this.#open = open
    this.#timer = this.#surroundings.clock.after(this.#timeoutMs, () => this.#expire(), 'background')
  }

  #fence(): void {
    this.#end(false)
    this.#epoch++
    this.told = null
    this.#ended = { count: 0, isCommit: false }
    this.#changed()
  }

  #expire(): void {
    try {
      this.#fence()
    } catch (error) {
      this.#surroundings.log.warn(
        { transactionalId: this.id, error },
        'a transaction could not be aborted: it is tried again later',
      )
      if (this.#open !== null) this.#begin(this.#open)
    }
  }

  /** In all partitions or, when it throws, in none. */
  #end(isCommit: boolean): void {
    if (this.#open === null) return
    const { transaction, partitions } = this.#open
    const there = [...partitions].filter(({ isDeleted }) => !isDeleted)
    // To open a log may fail, to mark one that is open cannot.
    for (const { log } of there) log.startOffset()
    for (const partition of there) partition.change(log => log.mark(transaction, isCommit))
    this.#open = null
    this.stop()
  }

  #changed(): void {
    this.usedMs = this.#surroundings.clock.now()
    this.#surroundings.committer.touch(this)
  }
}

/** What transactional ids work with. */
export interface Surroundings {
  readonly committer: Committer
  readonly clock: Clock
  readonly log: Logger
  readonly numbers: TransactionNumbers
}

export type FindPartition = (at: StoredPartition) => Partition | undefined

/** As it is stored. */
export interface TransactionalRecord {
  readonly producerId: number
  readonly epoch: number
  readonly timeoutMs: number
  readonly told: Told | null
  readonly usedMs: number
  readonly ended: Ended
  readonly open: { readonly count: number; readonly transaction: number; readonly partitions: readonly StoredPartition[] } | null
}

type StoredPartition = readonly [topic: string, topicId: string, partition: number]

interface Ended {
  readonly count: number
  readonly isCommit: boolean
}

interface Open {
  /** As the producer counts. */
  readonly count: number
  /** The broker's number for it. */
  readonly transaction: number
  /** Where it has written. */
  readonly partitions: Set<Partition>
}

function toStored({ count, transaction, partitions }: Open): NonNullable<TransactionalRecord['open']> {
  const stored = Array.from(partitions, ({ at, topicId }) => [at.topic, topicId, at.partition] as const)
  return { count, transaction, partitions: stored }
}
