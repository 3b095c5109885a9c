import { Ring } from '../../lib/ring.js'
import { PartitionMap } from '../../transport/partition-map.js'
import { readAlready, readerClosed, topicDeleted } from '../../transport/reader-refusals.js'
import type { Batch, Deliver, LogPartition, Reader, ReaderOptions, Start, TopicPartition } from '../../transport/transport.js'
import type { Link } from './link.js'
import type { PartitionLog } from './log.js'
import type { BrokerState } from './state.js'

/** Pushes stored batches to whoever reads, partition by partition in turn. */
export class MemoryReader implements Reader {
  readonly #link: Link
  readonly #broker: BrokerState
  readonly #options: ReaderOptions
  readonly #feeds = new PartitionMap<Feed>()
  /** Those that may have something to deliver. */
  readonly #ready = new Ring<Feed>()
  readonly #detach: () => void
  #isScheduled = false
  #isClosed = false

  constructor(link: Link, broker: BrokerState, options: ReaderOptions) {
    this.#link = link
    this.#broker = broker
    this.#options = options
    this.#detach = link.attach(() => this.#end())
  }

  add(at: LogPartition, start: Start, deliver: Deliver): void {
    const what = `read "${at.topic}"[${at.partition}]`
    if (this.#link.isEnded) throw this.#link.refusal(what)
    if (this.#isClosed) throw readerClosed(at)
    if (this.#feeds.get(at) !== undefined) throw readAlready(at)
    const feed = new Feed(at, start, deliver)
    feed.listener = () => this.#wake(feed, 'waiting')
    this.#feeds.set(at, feed)
    this.#wake(feed, 'new')
  }

  remove(at: TopicPartition): void {
    const feed = this.#feeds.get(at)
    if (feed === undefined) return
    feed.stop()
    this.#feeds.delete(at)
  }

  resume(at: TopicPartition): void {
    const feed = this.#feeds.get(at)
    if (feed !== undefined) this.#wake(feed, 'paused')
  }

  position(at: TopicPartition): number | undefined {
    return this.#feeds.get(at)?.position
  }

  highWatermark(at: TopicPartition): number | undefined {
    return this.#feeds.get(at)?.log?.end
  }

  close(): Promise<void> {
    this.#detach()
    this.#end()
    return Promise.resolve()
  }

  /** Takes it up again if it is in the state from which this event leads on. */
  #wake(feed: Feed, from: Feed['state']): void {
    if (feed.state !== from) return
    feed.state = 'ready'
    this.#ready.push(feed)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#link.turn(() => this.#run())
  }

  /** One batch for each; more within the turn only while nobody else has any. */
  #run(): void {
    this.#isScheduled = false
    for (let left = this.#ready.length; left > 0; left--) this.#serve()
    for (let left = alone; left > 0 && this.#ready.length === 1; left--) this.#serve()
    if (this.#ready.length > 0) this.#schedule()
  }

  #serve(): void {
    const feed = this.#ready.shift()
    if (feed?.state !== 'ready') return
    const log = feed.log ?? this.#open(feed)
    if (log === null || log.isDeleted) return this.#fail(feed)
    const fault = this.#link.faults && this.#link.fault('deliver', { topics: [feed.at.topic], attempt: 1 })
    if (fault?.kind === 'delay') this.#delay(feed, log, fault.ms)
    else if (fault?.kind === 'drop') this.#delay(feed, log, lostFetchMs)
    else this.#deliver(feed, log)
  }

  #delay(feed: Feed, log: PartitionLog, ms: number): void {
    feed.state = 'delayed'
    const late = (): void => {
      if (feed.state !== 'delayed') return
      feed.state = 'ready'
      this.#deliver(feed, log)
      if (this.#ready.length > 0) this.#schedule()
    }
    this.#link.after(ms, late, 'work')
  }

  #deliver(feed: Feed, log: PartitionLog): void {
    log.expire(this.#link.clock.now())
    const from = this.#placeOf(feed, log)
    const { batch, position } = log.read(from, this.#options.isolation)
    feed.position = position
    feed.state = 'waiting'
    if (batch !== null) this.#hand(feed, batch, log)
    else if (position !== from) this.#options.onPassed?.(feed.at)
  }

  #hand(feed: Feed, batch: Batch, log: PartitionLog): void {
    const wantsMore = feed.deliver(batch)
    // It may have been removed, or resumed, by whoever it was delivered to.
    if (feed.state !== 'waiting') return
    feed.state = wantsMore ? 'waiting' : 'paused'
    if (batch.nextOffset < log.endFor(this.#options.isolation)) this.#wake(feed, 'waiting')
  }

  /** Where it stands; what the log does not have any more, or never had, counts as the earliest. */
  #placeOf(feed: Feed, log: PartitionLog): number {
    const position = feed.position ?? feed.start
    if (position === 'earliest') return log.start
    if (position === 'latest') return log.endFor(this.#options.isolation)
    if (position >= log.start && position <= log.end) return position
    const facts = { ...feed.at, offset: position, start: log.start, end: log.end }
    this.#link.log.warn(facts, 'offset out of range: reading from the earliest message')
    return log.start
  }

  #open(feed: Feed): PartitionLog | null {
    const topic = this.#broker.topics.get(feed.at.topic)
    const isAnother = topic !== undefined && feed.topicId !== undefined && topic.id !== feed.topicId
    const log = isAnother ? null : (topic?.logs[feed.at.partition] ?? null)
    if (log !== null) feed.follow(log)
    return log
  }

  #fail(feed: Feed): void {
    feed.stop()
    feed.state = 'failed'
    const isMissing = feed.log === null && feed.topicId === undefined
    const error = isMissing ? this.#broker.topics.missing(feed.at, 'read') : topicDeleted(feed.at)
    this.#options.onError(error, feed.at)
  }

  #end(): void {
    this.#isClosed = true
    for (const feed of this.#feeds.values()) feed.stop()
    this.#feeds.clear()
  }
}

/** Batches that one partition may get in a turn when no other has any. */
const alone = 16

const lostFetchMs = 100

/** One partition's way to one reader. */
class Feed {
  readonly at: TopicPartition
  /** The only log that it may read. */
  readonly topicId: string | undefined
  readonly start: Start
  readonly deliver: Deliver
  state: 'new' | 'ready' | 'waiting' | 'paused' | 'delayed' | 'failed' | 'stopped' = 'new'
  position: number | undefined
  log: PartitionLog | null = null
  listener: () => void = () => undefined

  constructor({ topic, partition, topicId }: LogPartition, start: Start, deliver: Deliver) {
    this.at = { topic, partition }
    this.topicId = topicId
    this.start = start
    this.deliver = deliver
  }

  follow(log: PartitionLog): void {
    this.log = log
    log.listeners.add(this.listener)
  }

  stop(): void {
    this.state = 'stopped'
    this.log?.listeners.delete(this.listener)
  }
}
