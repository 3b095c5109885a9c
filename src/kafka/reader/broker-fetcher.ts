import { sleep, type Clock } from '../../lib/clock.js'
import type { Purpose } from '../cluster/connections.js'
import { patienceMs, type Cluster } from '../cluster/cluster.js'
import { fetch, type FetchAnswer, type FetchArgs, type FetchedPartition } from '../wire/fetch.js'
import type { PartitionFeed } from './partition-feed.js'

export interface BrokerFetcherOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly nodeId: number
  /** Name of its connections: a broker serves a connection one request at a time, so every reader has its own. */
  readonly purpose: `fetch:${number}`
  readonly isReadCommitted: boolean
  /** What the broker has for those that asked; `null` for one that it has left out. */
  readonly onAnswer: (fetched: readonly (readonly [PartitionFeed, FetchedPartition | null])[], errorCode: number) => void
  readonly onFailed: (feeds: readonly PartitionFeed[], error: Error) => void
}

/**
 * Fetches from one broker for all partitions that it leads and that want more. One request waits there for messages to come;
 * who begins to want meanwhile does not wait for its end but goes with a second one, which comes back soon. The next long one
 * waits for that, so that in the end all go together again.
 */
export class BrokerFetcher {
  readonly #options: BrokerFetcherOptions
  readonly #long: Lane
  readonly #short: Lane
  /** In the order in which they began to want: who got nothing from a full answer is first in the next request. */
  #wanting: PartitionFeed[] = []

  constructor(options: BrokerFetcherOptions) {
    this.#options = options
    this.#long = { purpose: options.purpose, waitMs: longWaitMs, isFree: true }
    this.#short = { purpose: `${options.purpose}:soon`, waitMs: shortWaitMs, isFree: true }
  }

  /** With the next `advance`. */
  want(feed: PartitionFeed): void {
    feed.state = 'asking'
    this.#wanting.push(feed)
  }

  /** Sends what may be sent. */
  advance(): void {
    if (this.#wanting.length === 0 || !this.#short.isFree) return
    const lane = this.#long.isFree ? this.#long : this.#short
    const feeds = this.#wanting.filter(({ state }) => state === 'asking')
    this.#wanting = []
    if (feeds.length > 0) void this.#fetch(lane, feeds)
  }

  close(): void {
    this.#wanting = []
    for (const { purpose } of [this.#long, this.#short]) this.#options.cluster.release(purpose)
  }

  async #fetch(lane: Lane, feeds: readonly PartitionFeed[]): Promise<void> {
    const { onAnswer, onFailed } = this.#options
    const request = new FetchRequest(feeds)
    lane.isFree = false
    const answer = await this.#ask(lane, request)
    // A program that has nothing else to do ends here: the library keeps it alive while it waits for an answer.
    if (!(answer instanceof Error) && isEmpty(answer)) await sleep(this.#options.clock, 1, { kind: 'background' })
    lane.isFree = true
    if (answer instanceof Error) onFailed(feeds, answer)
    else onAnswer(request.match(answer), answer.errorCode)
  }

  async #ask(lane: Lane, request: FetchRequest): Promise<FetchAnswer | Error> {
    const { cluster, nodeId } = this.#options
    try {
      const leader = { nodeId, purpose: lane.purpose, partitions: request.feeds.map(({ at }) => at) }
      return await cluster.atLeader(leader, fetch, { args: this.#args(lane, request), timeoutMs: lane.waitMs + patienceMs })
    } catch (error) {
      return error as Error
    }
  }

  #args(lane: Lane, { topics, feeds }: FetchRequest): FetchArgs {
    // Who is new wants to know where the log ends, which the broker says only when it answers.
    const isAnyNew = feeds.some(({ position }) => position === undefined)
    return {
      maxWaitMs: isAnyNew ? 0 : lane.waitMs,
      minBytes: 1,
      maxBytes: mostBytesAtOnce,
      isReadCommitted: this.#options.isReadCommitted,
      topics: Array.from(topics, ([topicId, own]) => ({
        topicId,
        partitions: own.map(feed => ({
          partition: feed.at.partition,
          offset: feed.offset,
          leaderEpoch: feed.route?.leaderEpoch ?? -1,
          lastEpoch: feed.lastEpoch,
          maxBytes: mostBytes,
        })),
      })),
    }
  }
}

/** A connection with at most one fetch on it. */
interface Lane {
  readonly purpose: Purpose
  readonly waitMs: number
  isFree: boolean
}

/** Who asks in one request. */
class FetchRequest {
  readonly feeds: readonly PartitionFeed[]
  readonly topics = new Map<string, PartitionFeed[]>()

  constructor(feeds: readonly PartitionFeed[]) {
    this.feeds = feeds
    for (const feed of feeds) {
      const topicId = feed.route?.topicId ?? ''
      const own = this.topics.get(topicId)
      if (own) own.push(feed)
      else this.topics.set(topicId, [feed])
    }
  }

  match(answer: FetchAnswer): (readonly [PartitionFeed, FetchedPartition | null])[] {
    const found = new Map<PartitionFeed, FetchedPartition>()
    for (const { topicId, partitions } of answer.topics) {
      const asked = this.topics.get(topicId) ?? []
      const byNumber = new Map(asked.map(feed => [feed.at.partition, feed]))
      for (const part of partitions) {
        const feed = byNumber.get(part.partition)
        if (feed) found.set(feed, part)
      }
    }
    return this.feeds.map(feed => [feed, found.get(feed) ?? null])
  }
}

function isEmpty({ topics }: FetchAnswer): boolean {
  return topics.every(({ partitions }) => partitions.every(({ records }) => records.length === 0))
}

/** How long a broker may wait for messages to come. */
const longWaitMs = 500
/** … while others may want to go next. */
const shortWaitMs = 20
/** Of one partition, what a processor's cache holds beside others; and of one answer. A record batch comes whole, however large. */
const mostBytes = 256 * 1024
const mostBytesAtOnce = 4 * 1024 * 1024
