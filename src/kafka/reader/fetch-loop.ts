import { FaustError } from '../../errors.js'
import { Ring } from '../../lib/ring.js'
import { topicDeleted } from '../../transport/reader-refusals.js'
import type { Batch, ReaderOptions } from '../../transport/transport.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'
import { LeaderSearch } from '../cluster/leader-search.js'
import type { Link } from '../link.js'
import { isPassing, missing, routeOf, unknownTopicMs } from '../cluster/route.js'
import type { FetchedPartition } from '../wire/fetch.js'
import { earliest } from '../wire/offsets.js'
import { BrokerFetcher } from './broker-fetcher.js'
import type { PartitionFeed } from './partition-feed.js'
import { StartOffsets } from './start-offsets.js'

/**
 * Takes feeds round: each asks its leader, gets bytes, delivers them batch by batch while more is
 * wanted, and asks again when nothing is left. What goes wrong sends it to look for its leader anew, or ends it.
 */
export class FetchLoop {
  readonly #link: Link
  readonly #options: ReaderOptions
  readonly #purpose: `fetch:${number}` = `fetch:${++opened}`
  /** In turn, a batch for each. */
  readonly #ready = new Ring<PartitionFeed>()
  readonly #paused = new Set<PartitionFeed>()
  readonly #starts: StartOffsets
  /** By node id. */
  readonly #fetchers = new Map<number, BrokerFetcher>()
  readonly #search: LeaderSearch<PartitionFeed>
  #isScheduled = false
  #isClosed = false

  constructor(link: Link, options: ReaderOptions) {
    const { cluster, context } = link
    this.#link = link
    this.#options = options
    this.#starts = new StartOffsets({
      cluster,
      isReadCommitted: this.#isReadCommitted,
      onFound: (feed, { offset, errorCode }) => this.#onPlaced(feed, offset, errorCode),
      onFailed: (feeds, error) => this.#onUnanswered(feeds, error),
    })
    this.#search = new LeaderSearch({
      cluster,
      log: context.log,
      onFound: (feeds, failure) => this.#onSearched(feeds, failure),
    })
  }

  /** Serves it soon; never from within. */
  wake(feed: PartitionFeed): void {
    this.#paused.delete(feed)
    this.#queue(feed)
    this.#schedule()
  }

  /** It gets nothing any more. */
  end(feed: PartitionFeed): void {
    feed.state = 'ended'
    feed.drop()
    this.#paused.delete(feed)
  }

  /** Once all feeds have ended. */
  close(): void {
    this.#isClosed = true
    this.#search.close()
    for (const fetcher of this.#fetchers.values()) fetcher.close()
  }

  get #isReadCommitted(): boolean {
    return this.#options.isolation === 'read-committed'
  }

  #queue(feed: PartitionFeed): void {
    feed.state = 'ready'
    this.#ready.push(feed)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#link.context.clock.turn(() => {
      this.#isScheduled = false
      this.#run()
    })
  }

  /** Serves who is ready, so many batches in one turn of the event loop, and sends off who wants more. */
  #run(): void {
    let left = batchesPerTurn
    for (let feed = this.#ready.shift(); feed !== undefined; feed = this.#ready.shift()) {
      if (feed.state === 'ready' && this.#serve(feed)) left--
      if (left === 0) break
    }
    if (this.#isClosed) return
    this.#starts.advance()
    for (const fetcher of this.#fetchers.values()) fetcher.advance()
    if (this.#ready.length > 0) this.#schedule()
  }

  /** Returns whether it had a batch. */
  #serve(feed: PartitionFeed): boolean {
    let batch: Batch | null
    try {
      batch = feed.next()
    } catch (error) {
      this.#onUnreadable(feed, error as FaustError)
      return false
    }
    if (batch !== null) {
      feed.state = 'delivering'
      this.#onDelivered(feed, feed.deliver(batch))
    } else {
      if (feed.hasPassed()) this.#options.onPassed?.(feed.at)
      this.#ask(feed)
    }
    return batch !== null
  }

  #onDelivered(feed: PartitionFeed, wantsMore: boolean): void {
    // It may have been removed by whoever it was delivered to.
    if (feed.state !== 'delivering') return
    if (wantsMore) return this.#queue(feed)
    feed.state = 'paused'
    let heldBytes = feed.heldBytes
    for (const other of this.#paused) heldBytes += other.heldBytes
    if (heldBytes > mostHeldBytes) feed.drop()
    this.#paused.add(feed)
  }

  #ask(feed: PartitionFeed): void {
    if (feed.state !== 'ready') return
    const route = routeOf(this.#link.cluster, feed.at)
    if (typeof route === 'number') return this.#onNoRoute(feed, route)
    if (feed.route !== null && feed.route.topicId !== route.topicId) return this.#fail(feed, topicDeleted(feed.at, feed.what))
    // The metadata may be older than what whoever reads knows.
    if ((feed.topicId ?? route.topicId) !== route.topicId) return this.#onLost(feed, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    feed.route = route
    feed.unknownSinceMs = null
    if (feed.seeks !== null) this.#starts.want(feed, route.nodeId)
    else this.#fetcher(route.nodeId).want(feed)
  }

  /** The metadata may be older than a right that was granted: a refusal counts when it is looked at anew. */
  #onNoRoute(feed: PartitionFeed, errorCode: number): void {
    if (isPassing(errorCode) || feed.unknownSinceMs !== null) return this.#onLost(feed, errorCode)
    feed.unknownSinceMs = this.#link.context.clock.elapsed()
    this.#lookFor(feed)
  }

  #fetcher(nodeId: number): BrokerFetcher {
    let fetcher = this.#fetchers.get(nodeId)
    if (fetcher === undefined) {
      fetcher = new BrokerFetcher({
        cluster: this.#link.cluster,
        clock: this.#link.context.clock,
        nodeId,
        purpose: this.#purpose,
        isReadCommitted: this.#isReadCommitted,
        onAnswer: (fetched, errorCode) => this.#onAnswer(fetched, errorCode),
        onFailed: (feeds, error) => this.#onUnanswered(feeds, error),
      })
      this.#fetchers.set(nodeId, fetcher)
    }
    return fetcher
  }

  #onAnswer(fetched: readonly (readonly [PartitionFeed, FetchedPartition | null])[], errorCode: number): void {
    for (const [feed, part] of fetched) {
      if (feed.state !== 'asking') continue
      if (part?.errorCode === 0) this.#onFetched(feed, part)
      else this.#onRefused(feed, part?.errorCode ?? (errorCode || errorCodes.LEADER_NOT_AVAILABLE))
    }
    this.#run()
  }

  #onFetched(feed: PartitionFeed, { records, aborted, highWatermark, divergesAt }: FetchedPartition): void {
    if (divergesAt === null) {
      feed.open({ records: owned(records), aborted }, highWatermark)
    } else {
      const facts = { ...feed.at, offset: feed.offset, end: divergesAt }
      this.#link.context.log.warn(facts, 'the log has lost what was read last: reading on from where it parts')
      feed.moveTo(Math.min(feed.offset, divergesAt))
    }
    this.wake(feed)
  }

  #onPlaced(feed: PartitionFeed, offset: number, errorCode: number): void {
    if (feed.state !== 'placing') return
    if (errorCode !== 0) return this.#onRefused(feed, errorCode)
    if (feed.offset >= 0) {
      const facts = { ...feed.at, offset: feed.offset, start: offset }
      this.#link.context.log.warn(facts, 'offset out of range: reading from the earliest message')
    }
    feed.moveTo(offset)
    this.wake(feed)
  }

  #onRefused(feed: PartitionFeed, errorCode: number): void {
    if (errorCode === errorCodes.OFFSET_OUT_OF_RANGE) {
      feed.seeks = earliest
      // Who has just been told to begin here asks again later.
      if (feed.offset === feed.placedAt) this.#lookFor(feed)
      else this.wake(feed)
    } else if (errorCode === errorCodes.CORRUPT_MESSAGE) this.#onUnreadable(feed, errorFor(errorCode, feed.what))
    else this.#onLost(feed, errorCode)
  }

  /** It is read again once: what the way here has damaged is whole the second time. */
  #onUnreadable(feed: PartitionFeed, error: FaustError): void {
    feed.drop()
    if (!error.retriable || feed.damagedAt === feed.offset) return this.#fail(feed, error)
    feed.damagedAt = feed.offset
    this.wake(feed)
  }

  #onUnanswered(feeds: readonly PartitionFeed[], error: Error): void {
    const isPassed = error instanceof FaustError && error.retriable
    for (const feed of feeds) {
      if (feed.state !== 'asking' && feed.state !== 'placing') continue
      if (isPassed) this.#lookFor(feed)
      else this.#fail(feed, error)
    }
    for (const fetcher of this.#fetchers.values()) fetcher.advance()
  }

  /** There is no leader, or the one that was asked is none, or it does not know what is wrong with it. */
  #onLost(feed: PartitionFeed, errorCode: number): void {
    if (errorCode === unknownServerError) {
      const { message } = errorFor(errorCode, feed.what)
      this.#link.context.log.warn(feed.at, message)
    } else if (!isPassing(errorCode)) return this.#fail(feed, errorFor(errorCode, feed.what, { right: 'Read' }))
    if (errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION) {
      const nowMs = this.#link.context.clock.elapsed()
      feed.unknownSinceMs ??= nowMs
      if (nowMs - feed.unknownSinceMs >= unknownTopicMs)
        return this.#fail(feed, hasBeenThere(feed) ? topicDeleted(feed.at, feed.what) : missing(feed.what, feed.at))
    }
    this.#lookFor(feed)
  }

  #lookFor(feed: PartitionFeed): void {
    feed.state = 'searching'
    this.#search.add(feed)
  }

  #onSearched(feeds: readonly PartitionFeed[], failure: FaustError | null): void {
    for (const feed of feeds) {
      if (feed.state !== 'searching') continue
      if (failure?.retriable) feed.unknownSinceMs = null
      if (failure === null || failure.retriable) this.wake(feed)
      else this.#fail(feed, failure)
    }
  }

  #fail(feed: PartitionFeed, error: Error): void {
    this.end(feed)
    this.#options.onError(error, feed.at)
  }
}

/** Something that the broker did not foresee, and has in its own log: it may be over the next time. */
const unknownServerError = -1

/** Names the connections of readers. */
let opened = 0

/** Some 2 MiB or 8,192 messages: then sockets, timers and heartbeats have their turn. */
const batchesPerTurn = 8

/** Of paused partitions together; beyond that they forget what was fetched. */
const mostHeldBytes = 32 * 1024 * 1024

/** A small part of a large answer must not keep all of it in memory. */
function owned(records: Buffer): Buffer {
  return records.length * 4 < records.buffer.byteLength ? Buffer.from(records) : records
}

function hasBeenThere({ route, topicId }: PartitionFeed): boolean {
  return route !== null || topicId !== undefined
}
