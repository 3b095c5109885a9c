import type { Host, Subscription } from '../channel/host.js'
import type { AppTopic } from '../channel/topic.js'
import type { TopicColumns } from '../channel/topic-columns.js'
import { Delivered, type Tenure } from '../stream/delivered.js'
import type { Lane } from '../stream/lane.js'
import type { StreamQueue } from '../stream/queue.js'
import type { Batch, TopicPartition } from '../transport/transport.js'
import { Ledger } from './ledger.js'

export interface PartitionOptions {
  readonly at: TopicPartition
  /** Which tenure of this partition in this worker. */
  readonly epoch: number
  readonly start: number
  readonly host: Host
  /** The reader may go on. */
  readonly onDemand: () => void
  /** Called for each settled event, where commits go by their number. */
  readonly onSettled: (() => void) | null
}

interface Branch {
  readonly subscription: Subscription
  readonly queue: StreamQueue
  readonly lane: Lane
}

/**
 * The single owner of one assigned partition for one tenure: gets its batches, hands them to the lanes of its streams, and
 * knows what may be committed. Everything of it ends with it.
 */
export class Partition implements Tenure {
  isLeaving = false
  isOver = false
  settled: (() => void) | null
  readonly at: TopicPartition
  readonly epoch: number
  readonly ledger: Ledger
  readonly #options: PartitionOptions
  readonly #branches: Branch[] = []
  #isPaused = false

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
    const branch: Branch = { subscription, queue, lane: queue.addLane(() => this.#demanded()) }
    this.#branches.push(branch)
    queue.onClose(() => this.#unsubscribe(branch))
  }

  /** Pushes a batch up to the queues; answers whether all of them want more. */
  readonly deliver = (batch: Batch): boolean => {
    if (this.isLeaving || this.isOver) return false
    const shared = new Map<AppTopic, TopicColumns>()
    const lots = this.#branches.map(({ subscription }) => new Delivered(this.#columns(shared, subscription.topic, batch), this))
    this.ledger.delivered(lots, batch.nextOffset)
    for (const [index, lot] of lots.entries()) {
      const branch = this.#branches[index] as Branch
      if (lot.count > 0) branch.queue.push(branch.lane, lot)
    }
    this.#isPaused = !this.#wantsMore()
    return !this.#isPaused
  }

  /** Hands out nothing more; resolves when nothing of it is in hand, or when `deadline` does. */
  async leave(deadline: Promise<void>): Promise<void> {
    this.isLeaving = true
    for (const { queue, lane } of this.#branches) queue.removeLane(lane)
    await Promise.race([this.#drained(), deadline])
  }

  /** The end of the tenure: nothing of it settles any more. */
  close(): void {
    this.isLeaving = true
    this.isOver = true
    for (const { queue, lane, subscription } of this.#branches.splice(0)) {
      queue.removeLane(lane)
      subscription.gone?.(this.at)
    }
  }

  /** Events of it that somebody still works on; right once it is leaving. */
  get inHand(): number {
    return this.ledger.inHand
  }

  #columns(shared: Map<AppTopic, TopicColumns>, topic: AppTopic, batch: Batch): TopicColumns {
    const columns = shared.get(topic) ?? topic.columns(this.#options.host, batch)
    shared.set(topic, columns)
    return columns
  }

  #wantsMore(): boolean {
    return this.#branches.every(({ lane }) => lane.wantsMore)
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

  #drained(): Promise<void> {
    return new Promise(resolve => {
      const before = this.settled
      const look = (): void => {
        before?.()
        if (this.inHand === 0) resolve()
      }
      this.settled = look
      if (this.inHand === 0) resolve()
    })
  }
}
