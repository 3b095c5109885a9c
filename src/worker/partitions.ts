import { sleep } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import { formatMs } from '../lib/duration.js'
import type { Host, Subscription } from '../channel/host.js'
import type { Group, PartitionOffset, Reader, TopicPartition } from '../transport/transport.js'
import { Partition } from './partition.js'

export interface PartitionsOptions {
  readonly host: Host
  readonly reader: () => Reader
  readonly group: () => Group
  readonly subscribersOf: (topic: string) => readonly Subscription[]
  /** How long work in hand may hold back a partition that is to go, in milliseconds. */
  readonly drainTimeoutMs: number
  /** Who holds events of the partition, in words. */
  readonly culprits: (partition: Partition) => readonly string[]
  readonly commit: (partitions: readonly Partition[]) => Promise<void>
  readonly onSettled: (() => void) | null
}

/** The partitions that a worker owns, each for one tenure at a time. */
export class Partitions {
  /** When the worker is to have stopped, in milliseconds since 1970: from then on nothing is waited for. */
  drainUntil = Infinity
  readonly #options: PartitionsOptions
  readonly #owned = new Map<string, Partition>()
  #epoch = 0

  constructor(options: PartitionsOptions) {
    this.#options = options
  }

  get all(): readonly Partition[] {
    return [...this.#owned.values()]
  }

  /** Starts reading newly assigned partitions where the group has left off, from the earliest message if nowhere. */
  async assign(partitions: readonly TopicPartition[]): Promise<void> {
    const committed = await this.#options.group().committed(partitions)
    for (const at of partitions) this.#open(at, committed)
  }

  /** Work in hand is waited for, then what has settled is committed, then the partitions are given up. */
  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const leaving = partitions.flatMap(at => this.#owned.get(keyOf(at)) ?? [])
    const waiting = new AbortController()
    const deadline = this.#deadline(waiting.signal)
    for (const { at } of leaving) this.#options.reader().remove(at)
    await Promise.all(leaving.map(partition => partition.leave(deadline)))
    waiting.abort()
    for (const partition of leaving) this.#reportCulprits(partition)
    await this.#options.commit(leaving)
    this.#close(leaving)
  }

  /** The session is over: nothing is committed, nothing of these tenures settles any more. */
  lose(): void {
    for (const { at } of this.all) this.#options.reader().remove(at)
    this.#close(this.all)
  }

  /** Goes back to what is committed, with new tenures: what settled since is not to be trusted. */
  async reopen(partitions: readonly Partition[]): Promise<void> {
    const places = partitions.filter(({ isOver }) => !isOver).map(({ at }) => at)
    for (const at of places) this.#options.reader().remove(at)
    this.#close(partitions)
    await this.assign(places)
  }

  /** A stream that appears while its topic is already read. */
  subscribe(subscription: Subscription): void {
    for (const partition of this.all) if (subscription.topic.covers(partition.at.topic)) partition.subscribe(subscription)
  }

  #open(at: TopicPartition, committed: readonly PartitionOffset[]): void {
    const { host, reader, onSettled, subscribersOf } = this.#options
    const offset = committed.find(({ topic, partition }) => topic === at.topic && partition === at.partition)?.offset
    const partition = new Partition({
      at,
      epoch: ++this.#epoch,
      start: offset ?? -1,
      host,
      onDemand: () => reader().resume(at),
      onSettled,
    })
    for (const subscription of subscribersOf(at.topic)) partition.subscribe(subscription)
    this.#owned.set(keyOf(at), partition)
    reader().add(at, offset ?? 'earliest', partition.deliver)
  }

  #close(partitions: readonly Partition[]): void {
    for (const partition of partitions) {
      if (this.#owned.get(keyOf(partition.at)) === partition) this.#owned.delete(keyOf(partition.at))
      partition.close()
    }
  }

  #deadline(signal: AbortSignal): Promise<void> {
    const { host, drainTimeoutMs } = this.#options
    const waitMs = Math.max(0, Math.min(drainTimeoutMs, this.drainUntil - host.clock.now()))
    return sleep(host.clock, waitMs, { kind: 'background', signal })
  }

  #reportCulprits(partition: Partition): void {
    if (partition.inHand === 0) return
    const { topic, partition: number } = partition.at
    const log: Logger = this.#options.host.log
    const after = formatMs(this.#options.drainTimeoutMs)
    const who = this.#options.culprits(partition).join(', ') || 'a stream outside any agent'
    log.warn({ topic, partition: number, inHand: partition.inHand }, `Gave up waiting after ${after}: ${who}; it is processed again elsewhere`)
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
