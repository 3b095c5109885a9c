import { waitAtMost } from '../lib/clock.js'
import { formatMs } from '../lib/duration.js'
import type { Random } from '../lib/random.js'
import { thrown } from '../lib/thrown.js'
import type { Host, Subscription } from '../channel/host.js'
import type { Group, LogPartition, Reader, TopicPartition } from '../transport/transport.js'
import { Arrivals } from './arrivals.js'
import { Partition } from './partition.js'
import { SourceTopics, type SourceTopicsOptions } from './source-topics.js'
import { Unreadable } from './unreadable.js'

export interface PartitionsOptions {
  readonly host: Host
  readonly reader: () => Reader
  readonly group: () => Pick<Group, 'committed'>
  readonly describe: SourceTopicsOptions['describe']
  readonly random: Random
  readonly subscribersOf: (topic: string) => readonly Subscription[]
  /** How long work in hand may hold back a partition that is to go, in milliseconds. */
  readonly drainTimeoutMs: number
  /** Who holds events of the partition, in words. */
  readonly culprits: (partition: Partition) => readonly string[]
  readonly commit: (partitions: readonly Partition[]) => Promise<void>
  readonly onSettled: (() => void) | null
  /** Called when there is, or will be, something to commit. */
  readonly onProgress?: () => void
}

/** The partitions that a worker owns, each for one tenure at a time. */
export class Partitions {
  /** When the worker is to have stopped, in milliseconds since 1970: from then on nothing is waited for. */
  drainUntil: number = Infinity
  readonly #options: PartitionsOptions
  readonly #owned = new Map<string, Partition>()
  readonly #arrivals: Arrivals
  readonly #topics: SourceTopics
  readonly #unreadable: Unreadable
  #epoch = 0
  /** A check that has not begun: whoever wants one now may share it. */
  #nextCheck: Promise<void> | null = null
  #checking: Promise<void> = Promise.resolve()

  constructor(options: PartitionsOptions) {
    const { host, random, describe, group } = options
    const { clock, log } = host
    this.#options = options
    this.#topics = new SourceTopics({ log, describe })
    this.#unreadable = new Unreadable({ clock, random, log, again: partition => this.#readOn(partition) })
    const open = (at: LogPartition, start: number): void => this.#open(at, start)
    this.#arrivals = new Arrivals({ clock, random, group, open, look: () => void this.check() })
  }

  get all(): readonly Partition[] {
    return [...this.#owned.values()]
  }

  /** Starts reading newly assigned partitions where the group has left off, from the earliest message if nowhere. */
  async assign(partitions: readonly TopicPartition[]): Promise<void> {
    for (const at of partitions) this.#arrivals.expect(at)
    await this.#arrivals.begin(await this.#topics.look(partitions.map(({ topic }) => topic)))
  }

  /**
   * Looks whether the topics are still the same logs. The tenure of a log that is gone ends at once with nothing committed; a
   * new one begins as soon as there is another log. Never rejects.
   */
  check(): Promise<void> {
    this.#nextCheck ??= this.#checkSoon()
    return this.#nextCheck
  }

  /** The reader has given it up: its log may be gone, else it is tried again. */
  async unreadable(at: TopicPartition, error: Error): Promise<void> {
    const partition = this.#owned.get(keyOf(at))
    if (partition === undefined) return
    await this.check()
    if (!partition.isLeaving) this.#unreadable.add(partition, error)
  }

  /** Work in hand is waited for, then what has settled is committed, then the partitions are given up. */
  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    this.#arrivals.forget(partitions)
    const leaving = partitions.flatMap(at => this.#owned.get(keyOf(at)) ?? [])
    for (const { at } of leaving) this.#options.reader().remove(at)
    const { clock } = this.#options.host
    const drained = Promise.all(leaving.map(partition => partition.leave()))
    if (!(await waitAtMost(clock, this.#patienceMs, drained))) for (const partition of leaving) this.#reportCulprits(partition)
    const committed = this.#options.commit(leaving)
    if (!(await waitAtMost(clock, Math.max(lastCommitMs, this.#patienceMs), committed))) this.#reportUncommitted(leaving)
    this.#close(leaving)
  }

  /** The session is over: nothing is committed, nothing of these tenures settles any more. */
  lose(): void {
    this.#arrivals.forget(this.#arrivals.all)
    for (const { at } of this.all) this.#options.reader().remove(at)
    this.#close(this.all)
  }

  /** Goes back to what is committed, with new tenures: nothing that has been read since is to be trusted. */
  reopen(): void {
    const tainted = this.all.filter(({ ledger }) => ledger.position > ledger.committed)
    const staying = tainted.filter(({ isLeaving }) => !isLeaving)
    for (const { at } of staying) this.#options.reader().remove(at)
    this.#close(tainted)
    for (const { at, ledger } of staying) this.#open(at, ledger.committed)
  }

  /** The reader has passed what is no message. */
  passed(at: TopicPartition): void {
    const position = this.#options.reader().position(at)
    if (position !== undefined) this.#owned.get(keyOf(at))?.passed(position)
  }

  /** A stream that appears while its topic is already read. */
  subscribe(subscription: Subscription): void {
    for (const partition of this.all) if (subscription.topic.covers(partition.at.topic)) partition.subscribe(subscription)
  }

  /** After the one that is under way: what that has seen may be older than the call. */
  async #checkSoon(): Promise<void> {
    await this.#checking
    this.#nextCheck = null
    this.#checking = this.#check().catch((error: unknown) => this.#checkFailed(error))
    await this.#checking
  }

  async #check(): Promise<void> {
    const looked = this.all
    const found = await this.#topics.look([...looked.map(({ at }) => at), ...this.#arrivals.all].map(({ topic }) => topic))
    const over = looked.filter(partition => !partition.isOver && found.get(partition.at.topic)?.id !== partition.at.topicId)
    const staying = over.filter(({ isLeaving }) => !isLeaving)
    for (const { at } of staying) this.#options.reader().remove(at)
    this.#close(over)
    for (const { at } of staying) this.#arrivals.expect(at)
    this.#arrivals.begin(found).catch((error: unknown) => this.#checkFailed(error))
  }

  /** No partition waits in silence. */
  #checkFailed(error: unknown): void {
    const { log } = this.#options.host
    const { all: partitions } = this.#arrivals
    const { message } = thrown(error)
    if (partitions.length === 0) log.debug({ error }, `The topics could not be looked at: ${message}`)
    else log.warn({ error, partitions }, `Assigned partitions are not read yet: ${message} It is tried again`)
    this.#arrivals.lookLater()
  }

  #readOn(partition: Partition): void {
    const { at, ledger } = partition
    if (partition.isLeaving) return
    this.#options.reader().remove(at)
    this.#options.reader().add(at, ledger.position < 0 ? 'earliest' : ledger.position, partition.deliver)
  }

  #open(at: LogPartition, start: number): void {
    const { host, reader, onSettled, onProgress, subscribersOf } = this.#options
    const read = (offset: number): void => reader().add(at, offset < 0 ? 'earliest' : offset, partition.deliver)
    const partition = new Partition({
      at,
      epoch: ++this.#epoch,
      start,
      host,
      onDemand: () => reader().resume(at),
      onRewind: offset => {
        reader().remove(at)
        read(offset)
      },
      onSettled,
      onProgress,
    })
    for (const subscription of subscribersOf(at.topic)) partition.subscribe(subscription)
    this.#owned.set(keyOf(at), partition)
    read(start)
  }

  #close(partitions: readonly Partition[]): void {
    for (const partition of partitions) {
      this.#unreadable.forget(partition)
      if (this.#owned.get(keyOf(partition.at)) === partition) this.#owned.delete(keyOf(partition.at))
      partition.close()
    }
  }

  /** How long somebody may be waited for now. */
  get #patienceMs(): number {
    const { host, drainTimeoutMs } = this.#options
    return Math.max(0, Math.min(drainTimeoutMs, this.drainUntil - host.clock.now()))
  }

  #reportCulprits(partition: Partition): void {
    if (partition.inHand === 0) return
    const { topic, partition: number } = partition.at
    const facts = { topic, partition: number, inHand: partition.inHand }
    const after = formatMs(this.#options.drainTimeoutMs)
    const who = this.#options.culprits(partition).join(', ') || 'somebody'
    this.#options.host.log.warn(facts, `Gave up waiting after ${after}: ${who}; it is processed again elsewhere`)
  }

  #reportUncommitted(partitions: readonly Partition[]): void {
    const places = partitions.map(({ at }) => `"${at.topic}"[${at.partition}]`).join(', ')
    const why = `The last commit of ${places} was not answered in time: what was done since the one before is processed again elsewhere`
    this.#options.host.log.warn({ partitions: partitions.map(({ at }) => at) }, why)
  }
}

/** A last commit gets this long even when the time to drain is over. */
const lastCommitMs = 5_000

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
