import type { Host, Subscription } from '../channel/host.js'
import { CopartitionError } from '../errors.js'
import { publish, traces } from '../lib/trace.js'
import type { Connection, Group, GroupOptions, Reader, TopicPartition } from '../transport/transport.js'
import { Committer } from './commit.js'
import { Leadership } from './leader.js'
import { requireCopartitioned } from './copartition.js'
import type { Link } from './link.js'
import type { Partition } from './partition.js'
import { Partitions } from './partitions.js'
import { Rebalancer } from './rebalance.js'
import type { WorkerSettings } from './settings.js'
import { Subscriptions } from './subscriptions.js'

export interface AssignmentOptions {
  readonly appId: string
  readonly host: Host
  readonly link: Link
  readonly settings: WorkerSettings
  /** Who holds events of a partition, in words. */
  readonly culprits: (partition: Partition) => readonly string[]
}

/** How long a round waits for members to join again. */
const rebalanceTimeoutMs = 60_000

/** What the group gives this worker: its partitions, their commits, whether it leads. */
export class Assignment {
  readonly leadership: Leadership = new Leadership()
  readonly committer: Committer
  readonly #options: AssignmentOptions
  readonly #subscriptions = new Subscriptions()
  readonly #partitions: Partitions
  readonly #rebalancer: Rebalancer
  #connection: Connection | null = null
  #reader: Reader | null = null
  #group: Group | null = null
  #stopWatching: (() => void) | null = null
  #isJoined = false
  #isStopped = false
  #isResubscribing = false

  constructor(options: AssignmentOptions) {
    this.#options = options
    this.committer = this.#newCommitter()
    this.#partitions = this.#newPartitions()
    this.#rebalancer = this.#newRebalancer()
  }

  /** A stream wants to read; before the group is joined that costs nothing, later it joins again. */
  subscribe(subscription: Subscription): void {
    this.#subscriptions.add(subscription)
    this.#partitions.subscribe(subscription)
    // The topic stays assigned, unread, until the next round: no rebalance for a stream that ends.
    subscription.queue?.onClose(() => this.#subscriptions.remove(subscription))
    if (this.#isJoined) this.#resubscribe()
  }

  /** Joins the group; resolves with the first assignment at work. */
  async join(connection: Connection): Promise<void> {
    this.#connection = connection
    const onError = (error: Error, at: TopicPartition): void => void this.#partitions.unreadable(at, error)
    const onPassed = (at: TopicPartition): void => this.#partitions.passed(at)
    this.#reader = connection.reader({ isolation: 'read-uncommitted', onError, onPassed })
    this.#stopWatching = connection.admin.watchTopics(() => this.#topicsChanged())
    await this.#options.link.createMissing(this.#subscriptions.specs)
    const topics = await this.#subscriptions.topics(connection.admin)
    await this.#requireCopartitioned(topics)
    const assigned = this.#rebalancer.start(topics)
    this.#isJoined = true
    // What appeared while the topics were being asked for.
    if (this.#subscriptions.hasPatterns || this.#subscriptions.names.some(name => !topics.includes(name))) this.#resubscribe()
    await assigned
    if (!this.#isStopped) this.committer.start()
  }

  /** Drains, commits, leaves; work in hand is waited for until `deadline`, in milliseconds since 1970. */
  async leave(deadline: number): Promise<void> {
    this.#isStopped = true
    this.#partitions.drainUntil = deadline
    this.committer.stop()
    this.leadership.update(false)
    this.#stopWatching?.()
    if (this.#connection === null) return
    await this.#rebalancer.stop()
    await this.#reader?.close()
  }

  get partitions(): readonly Partition[] {
    return this.#partitions.all
  }

  #newCommitter(): Committer {
    const { host, link, settings } = this.#options
    return new Committer({
      clock: host.clock,
      log: host.log,
      outbox: link.outbox,
      group: () => this.#group as Group,
      membership: () => this.#rebalancer.membership,
      partitions: () => this.#partitions.all,
      check: () => this.#partitions.check(),
      intervalMs: settings.commitIntervalMs,
      every: settings.commitEvery,
      onFenced: () => this.#partitions.reopen(),
      onFatal: error => host.fail(error),
    })
  }

  #newPartitions(): Partitions {
    const { host, settings, culprits } = this.#options
    return new Partitions({
      host,
      culprits,
      reader: () => this.#reader as Reader,
      group: () => this.#group as Group,
      describe: names => (this.#connection as Connection).admin.topics(names),
      random: settings.random,
      subscribersOf: topic => this.#subscriptions.of(topic),
      drainTimeoutMs: Math.min(rebalanceTimeoutMs, settings.drainTimeoutMs),
      commit: partitions => this.committer.commit(partitions),
      onSettled: settings.commitEvery === undefined ? null : this.committer.settled,
      onProgress: this.committer.wake,
    })
  }

  #newRebalancer(): Rebalancer {
    const { host, settings } = this.#options
    return new Rebalancer({
      clock: host.clock,
      log: host.log,
      random: settings.random,
      group: callbacks => (this.#group = this.#newGroup(callbacks)),
      topics: names => this.#partitionCounts(names),
      callbacks: {
        revoke: partitions => this.#partitions.revoke(partitions),
        assign: partitions => this.#partitions.assign(partitions),
        lost: error => this.#lost(error),
        rebalanced: (all, isLeader) => this.#rebalanced(all, isLeader),
      },
    })
  }

  #newGroup(callbacks: Pick<GroupOptions, 'onRebalance' | 'onLost'>): Group {
    const { appId, settings } = this.#options
    const identity = settings.instanceId === undefined ? {} : { instanceId: settings.instanceId }
    const { sessionTimeoutMs } = settings
    return (this.#connection as Connection).group({
      groupId: appId,
      ...identity,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      ...callbacks,
    })
  }

  async #partitionCounts(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const topics = await (this.#connection as Connection).admin.topics(names)
    return new Map(topics.map(({ name, partitions }) => [name, partitions]))
  }

  /** Once for all that appears in a turn. */
  #resubscribe(): void {
    if (this.#isResubscribing) return
    this.#isResubscribing = true
    const { clock, log } = this.#options.host
    clock.turn(() => {
      this.#isResubscribing = false
      this.#subscribeAnew().catch((error: unknown) => {
        if (error instanceof CopartitionError) this.#options.host.fail(error)
        else if (!this.#isStopped) log.warn({ error }, 'The subscription could not be renewed; the old one stays')
      })
    })
  }

  async #subscribeAnew(): Promise<void> {
    if (this.#isStopped) return
    await this.#options.link.createMissing(this.#subscriptions.specs)
    const topics = await this.#subscriptions.topics((this.#connection as Connection).admin)
    await this.#requireCopartitioned(topics)
    this.#rebalancer.subscribe(topics)
  }

  async #requireCopartitioned(topics: readonly string[]): Promise<void> {
    const groups = this.#subscriptions.groups(topics)
    if (groups.length > 0) requireCopartitioned(groups, await (this.#connection as Connection).admin.topics(groups.flat()))
  }

  #topicsChanged(): void {
    if (!this.#isJoined) return
    this.#rebalancer.topicsChanged()
    void this.#partitions.check()
    if (this.#subscriptions.hasPatterns) this.#resubscribe()
  }

  #rebalanced(all: readonly TopicPartition[], isLeader: boolean): void {
    this.leadership.update(isLeader)
    const { appId, host, settings } = this.#options
    const generation = this.#rebalancer.membership?.generation
    host.log.info({ generation, leader: isLeader }, `rebalanced: partitions ${inWords(all)}`)
    publish(traces.rebalanced, () => ({ app: appId, clientId: settings.clientId, partitions: all, isLeader }))
  }

  #lost(error: Error): void {
    this.leadership.update(false)
    this.#options.host.log.warn({ error }, 'The group went on without this worker: its partitions are given up uncommitted')
    this.#partitions.lose()
  }
}

function inWords(partitions: readonly TopicPartition[]): string {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition])
  const topics = [...byTopic].sort(([left], [right]) => (left < right ? -1 : 1))
  return topics.map(([topic, numbers]) => `${topic}[${numbers.sort((a, b) => a - b).join(',')}]`).join(' ') || 'none'
}
