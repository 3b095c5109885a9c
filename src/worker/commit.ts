import { FencedError, SendError } from '../errors.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import { publish, traces } from '../lib/trace.js'
import type { Group, LogPartition, Membership, PartitionOffset } from '../transport/transport.js'
import type { Ledger } from './ledger.js'

/** A partition as far as commits go. */
export interface Committable {
  readonly at: LogPartition
  readonly ledger: Ledger
  readonly isOver: boolean
}

export interface CommitterOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly outbox: { flush(): Promise<void> }
  readonly group: () => Pick<Group, 'commit'>
  readonly membership: () => Membership | null
  readonly partitions: () => readonly Committable[]
  /** A commit has failed: the tenures of what is not there any more end. Never rejects. */
  readonly check: () => Promise<void>
  readonly intervalMs: number
  /** Commit also after so many settled events. */
  readonly every: number | undefined
  /** Outputs finally failed: every partition goes back to what is committed, since nobody knows whose they were. */
  readonly onFenced: () => void
  readonly onFatal: (error: Error) => void
}

/** Fences in a row before the worker gives up. */
const patience = 3

/** One order, one place (COMMIT.md): take the settled offsets, flush all that was sent, then commit what was taken. */
export class Committer {
  readonly #options: CommitterOptions
  #tail: Promise<unknown> = Promise.resolve()
  #timer: Timer | null = null
  #isStopped = true
  #settled = 0
  #isRequested = false
  #undelivered: Error | null = null
  #fences = 0
  #isHalted = false
  #refusedAs: Membership | null = null

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  start(): void {
    this.#isStopped = false
    this.#schedule()
  }

  /** There is something to commit, or soon will be: while there is nothing, no clock is set. */
  readonly wake = (): void => {
    if (this.#timer === null && !this.#isStopped) this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#timer = null
  }

  /** An event has settled; only called where commits go by their number. */
  readonly settled = (): void => {
    this.#settled++
    if (this.#isRequested || this.#settled < (this.#options.every ?? Infinity)) return
    this.#isRequested = true
    this.#options.clock.turn(() => void this.commit(this.#options.partitions()))
  }

  /** Something that nobody awaited was not delivered: the next commit does not happen. */
  undelivered(error: Error): void {
    this.#undelivered ??= error
    this.wake()
  }

  /** Something that nobody awaited can never be delivered: nothing is committed any more. */
  halt(): void {
    this.#isHalted = true
  }

  /** Queued behind a running one, never skipped. Never rejects: what fails advances nothing. */
  commit(partitions: readonly Committable[]): Promise<void> {
    const turn = this.#tail.then(() => this.#commit(partitions)).catch((error: unknown) => this.#options.onFatal(error as Error))
    this.#tail = turn
    return turn
  }

  #schedule(): void {
    const { clock, intervalMs } = this.#options
    this.#timer = clock.after(intervalMs, () => void this.#tick(), 'background')
  }

  async #tick(): Promise<void> {
    await this.commit(this.#options.partitions())
    this.#timer = null
    if (!this.#isIdle()) this.wake()
  }

  #isIdle(): boolean {
    return this.#undelivered === null && this.#options.partitions().every(({ isOver, ledger }) => isOver || ledger.isIdle)
  }

  async #commit(partitions: readonly Committable[]): Promise<void> {
    this.#isRequested = false
    this.#settled = 0
    const taken = partitions.flatMap(partition => {
      const offset = partition.isOver ? -1 : partition.ledger.committable
      return offset > partition.ledger.committed ? [{ partition, offset }] : []
    })
    await this.#options.outbox.flush()
    if (this.#isHalted) return
    if (this.#undelivered !== null) return this.#fence(this.#undelivered)
    const current = taken.filter(({ partition }) => !partition.isOver)
    const membership = this.#options.membership()
    if (current.length === 0 || membership === null) return
    await this.#write(current, membership)
  }

  /** What is not there any more is left out the second time. */
  async #write(taken: readonly Taken[], membership: Membership): Promise<void> {
    const offsets: PartitionOffset[] = taken.map(({ partition, offset }) => ({ ...partition.at, offset }))
    try {
      await this.#options.group().commit(offsets, membership)
      this.#fences = 0
      for (const { partition, offset } of taken) partition.ledger.committed = offset
      publish(traces.committed, () => ({ offsets }))
    } catch (error) {
      const facts = { generation: membership.generation, error }
      if (error instanceof FencedError) return this.#refused(membership, facts)
      await this.#options.check()
      const there = taken.filter(({ partition }) => !partition.isOver)
      if (there.length === taken.length) this.#options.log.error(facts, 'A commit failed; it is tried again with the next one')
      else if (there.length > 0) await this.#write(there, membership)
    }
  }

  /** Said once of a membership: until the next round is over each commit is refused alike. */
  #refused(membership: Membership, facts: object): void {
    if (this.#refusedAs === membership) return
    this.#refusedAs = membership
    this.#options.log.warn(facts, 'A commit was refused: the group has gone on without it')
  }

  /** Not only of the partitions that were to be committed: a lost output may belong to what is still in hand elsewhere. */
  #fence(error: Error): void {
    this.#undelivered = null
    this.#fences++
    const { log, onFatal, onFenced } = this.#options
    if (this.#fences < patience) {
      log.error({ error }, 'Messages that nobody awaited were not delivered: nothing is committed, their sources are read again')
      return onFenced()
    }
    this.halt()
    const what = `Messages that nobody awaited could not be delivered ${patience} times in a row`
    const topic = error instanceof SendError ? error.topic : ''
    onFatal(new SendError(`${what}: ${error.message}`, { topic, cause: error }))
  }
}

interface Taken {
  readonly partition: Committable
  readonly offset: number
}
