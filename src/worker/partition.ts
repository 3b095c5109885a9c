import type { Host, HostTopic, Subscription } from '../channel/host.js'
import type { TopicColumns } from '../channel/topic-columns.js'
import { Deferred } from '../lib/deferred.js'
import { Delivered, type Tenure } from '../stream/delivered.js'
import type { Lane } from '../stream/lane.js'
import type { StreamQueue } from '../stream/queue.js'
import type { Batch, LogPartition } from '../transport/transport.js'
import { Ledger } from './ledger.js'

export interface PartitionOptions {
  readonly at: LogPartition
  /** Which tenure of this partition in this worker. */
  readonly epoch: number
  readonly start: number
  readonly host: Host
  /** The reader may go on. */
  readonly onDemand: () => void
  /** The reader is to go back to this offset: somebody wants what nobody wanted before; -1 for the earliest. */
  readonly onRewind: (offset: number) => void
  /** Called for each settled event, where commits go by their number. */
  readonly onSettled: (() => void) | null
  /** Called when there is, or will be, something to commit. */
  readonly onProgress?: (() => void) | undefined
}

interface Branch {
  readonly subscription: Subscription
  readonly queue: StreamQueue
  readonly lane: Lane
  /** The queue outlives the partition and must not keep it. */
  forget: () => void
}

/**
 * The single owner of one assigned partition for one tenure: gets its batches, hands them to the lanes of its streams, and
 * knows what may be committed. Everything of it ends with it.
 */
export class Partition implements Tenure {
  isLeaving = false
  isOver = false
  settled: (() => void) | null
  readonly at: LogPartition
  readonly epoch: number
  readonly ledger: Ledger
  readonly #options: PartitionOptions
  readonly #branches: Branch[] = []
  readonly #drained = new Deferred<void>()
  #isPaused = false
  /** Something has come while nobody read: it was not taken. */
  #hasRefused = false

  constructor(options: PartitionOptions) {
    this.#options = options
    this.at = options.at
    this.epoch = options.epoch
    this.settled = options.onSettled
    this.ledger = new Ledger(options.start)
  }

  /** A stream gets what arrives from now on. */
  subscribe(subscription: Subscription): void {
    const queue = subscription.queueFor(this.at)
    const branch: Branch = { subscription, queue, lane: queue.addLane(() => this.#demanded()), forget: () => undefined }
    this.#branches.push(branch)
    branch.forget = queue.onClose(() => this.#unsubscribe(branch))
    if (this.#hasRefused) this.#rewind()
    else this.#demanded()
  }

  /** Pushes a batch up to the queues; answers whether all of them want more. What nobody reads has not been read. */
  readonly deliver = (batch: Batch): boolean => {
    if (this.isLeaving || this.isOver) return false
    if (this.#branches.length === 0) {
      this.#hasRefused = true
      return false
    }
    const shared = new Map<HostTopic, TopicColumns>()
    const lots = this.#branches.map(({ subscription }) => new Delivered(this.#columns(shared, subscription.topic, batch), this))
    this.ledger.delivered(lots, batch.nextOffset)
    this.#options.onProgress?.()
    for (const [index, lot] of lots.entries()) {
      const branch = this.#branches[index] as Branch
      if (lot.count > 0) branch.queue.push(branch.lane, lot)
    }
    this.#isPaused = !this.#wantsMore()
    return !this.#isPaused
  }

  /** The reader stands here, without a batch that says so. */
  passed(position: number): void {
    if (this.isLeaving || this.#hasRefused) return
    this.ledger.passed(position)
    this.#options.onProgress?.()
  }

  /** Hands out nothing more; resolves when nothing of it is in hand, or when its tenure ends. */
  leave(): Promise<void> {
    this.isLeaving = true
    for (const { queue, lane } of this.#branches) queue.removeLane(lane)
    for (const { subscription } of [...this.#branches]) subscription.leaving?.(this.at)
    const before = this.settled
    const look = (): void => {
      before?.()
      if (this.inHand === 0) this.#drained.resolve()
    }
    this.settled = look
    if (this.inHand === 0) this.#drained.resolve()
    return this.#drained.promise
  }

  /** The end of the tenure: nothing of it settles any more. */
  close(): void {
    this.isLeaving = true
    this.isOver = true
    this.#drained.resolve()
    for (const { queue, lane, subscription, forget } of this.#branches.splice(0)) {
      forget()
      queue.removeLane(lane)
      subscription.gone?.(this.at)
    }
  }

  /** Events of it that somebody still works on; right once it is leaving. */
  get inHand(): number {
    return this.ledger.inHand
  }

  #columns(shared: Map<HostTopic, TopicColumns>, topic: HostTopic, batch: Batch): TopicColumns {
    const columns = shared.get(topic) ?? topic.columns(this.#options.host, batch)
    shared.set(topic, columns)
    columns.retain()
    return columns
  }

  #wantsMore(): boolean {
    return this.#branches.length > 0 && this.#branches.every(({ lane }) => lane.wantsMore)
  }

  #rewind(): void {
    if (this.#branches.length === 0 || this.isLeaving) return
    this.#hasRefused = false
    this.#isPaused = false
    this.#options.onRewind(this.ledger.position)
  }

  #demanded(): void {
    if (!this.#isPaused || !this.#wantsMore() || this.isLeaving) return
    this.#isPaused = false
    this.#options.onDemand()
  }

  /** A stream has ended while the partition stays: what it left unsettled keeps holding the commit back. */
  #unsubscribe(branch: Branch): void {
    const at = this.#branches.indexOf(branch)
    if (at >= 0) this.#branches.splice(at, 1)
    this.#demanded()
  }
}
