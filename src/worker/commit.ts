import { FencedError, SendError } from '../errors.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import { publish, traces } from '../lib/trace.js'
import type { Outbox } from '../channel/outbox.js'
import type { Group, Membership, PartitionOffset } from '../transport/transport.js'
import type { Partition } from './partition.js'

export interface CommitterOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly outbox: Outbox
  readonly group: () => Group
  readonly membership: () => Membership | null
  readonly partitions: () => readonly Partition[]
  readonly intervalMs: number
  /** Commit also after so many settled events. */
  readonly every: number | undefined
  /** Outputs finally failed: these partitions go back to what is committed. */
  readonly onFenced: (partitions: readonly Partition[]) => Promise<void>
  readonly onFatal: (error: Error) => void
}

/** Fences in a row before the worker gives up. */
const patience = 3

/** One order, one place (COMMIT.md): take the settled offsets, flush all that was sent, then commit what was taken. */
export class Committer {
  readonly #options: CommitterOptions
  #tail: Promise<unknown> = Promise.resolve()
  #timer: Timer | null = null
  #isStopped = false
  #settled = 0
  #isRequested = false
  #undelivered: Error | null = null
  #fences = 0

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  start(): void {
    this.#isStopped = false
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** An event has settled; only called where commits go by their number. */
  readonly settled = (): void => {
    this.#settled++
    if (this.#isRequested || this.#settled < (this.#options.every ?? Infinity)) return
    this.#isRequested = true
    this.#options.clock.turn(() => {
      this.#isRequested = false
      void this.commit(this.#options.partitions())
    })
  }

  /** Something that nobody awaited was not delivered: the next commit does not happen. */
  undelivered(error: Error): void {
    this.#undelivered ??= error
  }

  /** Queued behind a running one, never skipped. Never rejects: what fails advances nothing. */
  commit(partitions: readonly Partition[]): Promise<void> {
    const turn = this.#tail.then(() => this.#commit(partitions))
    this.#tail = turn
    return turn
  }

  #schedule(): void {
    const { clock, intervalMs } = this.#options
    this.#timer = clock.after(intervalMs, () => void this.#tick(), 'background')
  }

  async #tick(): Promise<void> {
    await this.commit(this.#options.partitions())
    if (!this.#isStopped) this.#schedule()
  }

  async #commit(partitions: readonly Partition[]): Promise<void> {
    this.#settled = 0
    const taken = partitions.flatMap(partition => {
      const offset = partition.isOver ? -1 : partition.ledger.committable
      return offset > partition.ledger.committed ? [{ partition, offset }] : []
    })
    await this.#options.outbox.flush()
    if (this.#undelivered !== null) return await this.#fence(this.#undelivered, taken)
    this.#fences = 0
    const current = taken.filter(({ partition }) => !partition.isOver)
    const membership = this.#options.membership()
    if (current.length === 0 || membership === null) return
    await this.#write(current, membership)
  }

  async #write(taken: readonly Taken[], membership: Membership): Promise<void> {
    const offsets: PartitionOffset[] = taken.map(({ partition, offset }) => ({ ...partition.at, offset }))
    try {
      await this.#options.group().commit(offsets, membership)
      for (const { partition, offset } of taken) partition.ledger.committed = offset
      publish(traces.committed, () => ({ offsets }))
    } catch (error) {
      const facts = { generation: membership.generation, error }
      if (error instanceof FencedError) this.#options.log.warn(facts, 'A commit was refused: another worker owns the partitions')
      else this.#options.log.error(facts, 'A commit failed; it is tried again with the next one')
    }
  }

  async #fence(error: Error, taken: readonly Taken[]): Promise<void> {
    this.#undelivered = null
    this.#fences++
    if (this.#fences >= patience) {
      const why = `messages could not be delivered ${patience} times in a row: ${error.message}`
      const topic = error instanceof SendError ? error.topic : ''
      this.#options.onFatal(new SendError(`The worker stops: ${why}`, { topic, cause: error }))
      return
    }
    this.#options.log.error(
      { error },
      'Messages that nobody awaited were not delivered: nothing is committed, their sources are read again',
    )
    await this.#options.onFenced(taken.map(({ partition }) => partition))
  }
}

interface Taken {
  readonly partition: Partition
  readonly offset: number
}
