import { patienceMs, type Cluster } from '../cluster/cluster.js'
import { errorCodes } from '../wire/error-codes.js'
import { listOffsets } from '../wire/offsets.js'
import type { PartitionFeed } from './partition-feed.js'

export interface StartOffsetsOptions {
  readonly cluster: Cluster
  readonly isReadCommitted: boolean
  /** The leader has said where the feed begins, or why not. */
  readonly onFound: (feed: PartitionFeed, found: { readonly offset: number; readonly errorCode: number }) => void
  readonly onFailed: (feeds: readonly PartitionFeed[], error: Error) => void
}

/** Asks leaders where partitions begin or end, for feeds that are to begin there. */
export class StartOffsets {
  readonly #options: StartOffsetsOptions
  readonly #wanted = new Map<number, PartitionFeed[]>()

  constructor(options: StartOffsetsOptions) {
    this.#options = options
  }

  /** With the next `advance`. */
  want(feed: PartitionFeed, nodeId: number): void {
    feed.state = 'placing'
    const together = this.#wanted.get(nodeId)
    if (together) together.push(feed)
    else this.#wanted.set(nodeId, [feed])
  }

  advance(): void {
    for (const [nodeId, feeds] of this.#wanted) void this.#ask(nodeId, feeds)
    this.#wanted.clear()
  }

  async #ask(nodeId: number, feeds: readonly PartitionFeed[]): Promise<void> {
    const { cluster, isReadCommitted, onFound, onFailed } = this.#options
    const partitions = feeds.map(({ at, seeks }) => ({ ...at, timestamp: seeks ?? 0 }))
    try {
      const leader = { nodeId, purpose: 'control', partitions } as const
      const answer = await cluster.atLeader(leader, listOffsets, { args: { isReadCommitted, partitions }, timeoutMs: patienceMs })
      const found = new Map(answer.partitions.map(part => [`${part.partition} ${part.topic}`, part]))
      for (const feed of feeds) onFound(feed, found.get(`${feed.at.partition} ${feed.at.topic}`) ?? unanswered)
    } catch (error) {
      onFailed(feeds, error as Error)
    }
  }
}

/** The broker has left it out. */
const unanswered = { offset: -1, errorCode: errorCodes.LEADER_NOT_AVAILABLE }
