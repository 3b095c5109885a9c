import type { FaustError } from '../../errors.js'
import { PartitionMap } from '../../transport/partition-map.js'
import { readAlready, readerClosed, topicDeleted } from '../../transport/reader-refusals.js'
import type { Batch, Deliver, LogPartition, Reader, ReaderOptions, Start, TopicPartition } from '../../transport/transport.js'
import { readBlocks } from '../block/read-blocks.js'
import type { Lifetime } from '../lifetime.js'
import { jsonFrame, readBlocksHead } from '../wire/frame-codec.js'
import type { Frame } from '../wire/frame-reader.js'
import { type FetchAnswer, type FetchRequest, frameKind } from '../wire/protocol.js'
import type { Line, Question } from './line.js'

/** Asks for what comes next of each partition that wants more, one answer at a time, and hands it over as it comes. */
export class EmbeddedReader implements Reader {
  readonly #life: Lifetime
  readonly #line: Line
  readonly #options: ReaderOptions
  readonly #feeds = new PartitionMap<Feed>()
  readonly #detach: () => void
  /** Those that have asked and not been answered. */
  #asking = 0
  #isClosed = false

  constructor(life: Lifetime, line: Line, options: ReaderOptions) {
    this.#life = life
    this.#line = line
    this.#options = options
    this.#detach = life.attach(() => this.#end())
  }

  add(at: LogPartition, start: Start, deliver: Deliver): void {
    const what = `read "${at.topic}"[${at.partition}]`
    if (this.#life.isEnded) throw this.#life.refusal(what)
    if (this.#isClosed) throw readerClosed(at)
    if (this.#feeds.get(at) !== undefined) throw readAlready(at)
    const feed = new Feed(at, start, deliver)
    this.#feeds.set(at, feed)
    this.#ask(feed)
  }

  remove(at: TopicPartition): void {
    const feed = this.#feeds.get(at)
    if (feed === undefined) return
    if (feed.state === 'asking') {
      this.#asking--
      this.#line.withdraw(feed.question)
    }
    feed.state = 'stopped'
    this.#feeds.delete(at)
  }

  resume(at: TopicPartition): void {
    const feed = this.#feeds.get(at)
    if (feed?.state === 'paused') this.#ask(feed)
  }

  position(at: TopicPartition): number | undefined {
    return this.#feeds.get(at)?.position
  }

  highWatermark(at: TopicPartition): number | undefined {
    return this.#feeds.get(at)?.highWatermark
  }

  close(): Promise<void> {
    this.#detach()
    this.#end()
    return Promise.resolve()
  }

  #ask(feed: Feed): void {
    const { topic, partition } = feed.at
    this.#asking++
    const maxBytes = Math.max(leastBytes, Math.min(mostBytes, Math.floor(mostBytesInAll / this.#asking)))
    const { isolation } = this.#options
    const request: FetchRequest = {
      topic,
      partition,
      topicId: feed.topicId,
      from: feed.position ?? feed.start,
      isolation,
      maxBytes,
    }
    feed.state = 'asking'
    feed.question = this.#line.send(this.#question(feed, request))
  }

  /** A program is not kept alive by what it may get to read some day. */
  #question(feed: Feed, request: FetchRequest): Question {
    return {
      what: `read "${feed.at.topic}"[${feed.at.partition}]`,
      patienceMs: Infinity,
      isAwaited: false,
      encode: id => [jsonFrame(frameKind.request, id, { type: 'fetch', ...request })],
      answer: frame => this.#answered(feed, frame),
      fail: error => this.#fail(feed, error),
    }
  }

  #answered(feed: Feed, frame: Frame): void {
    let batch: Batch | null
    let answer: FetchAnswer
    try {
      const { head, at } = readBlocksHead<FetchAnswer>(frame.payload)
      answer = head
      batch =
        answer.bytes === 0
          ? null
          : readBlocks(frame.payload.subarray(at), feed.at, { from: head.begin, nextOffset: head.position })
    } catch (error) {
      return this.#fail(feed, error as FaustError)
    }
    if (feed.wanted !== undefined && feed.wanted !== answer.topicId) {
      return this.#fail(feed, topicDeleted(feed.at))
    }
    this.#asking--
    feed.state = 'delivering'
    if (answer.outOfRange !== null) this.#warn(feed, answer.outOfRange)
    const before = feed.position ?? answer.begin
    feed.topicId = answer.topicId
    feed.position = answer.position
    feed.highWatermark = answer.highWatermark
    this.#hand(feed, batch, before)
  }

  #hand(feed: Feed, batch: Batch | null, before: number): void {
    let wantsMore = true
    if (batch !== null) wantsMore = feed.deliver(batch)
    else if (feed.position !== before) this.#options.onPassed?.(feed.at)
    // Whoever it was handed to may have removed it, or closed the reader.
    if (feed.state !== 'delivering') return
    if (wantsMore) this.#ask(feed)
    else feed.state = 'paused'
  }

  #warn(feed: Feed, { start, end }: { start: number; end: number }): void {
    const facts = { ...feed.at, offset: feed.position ?? feed.start, start, end }
    this.#life.log.warn(facts, 'offset out of range: reading from the earliest message')
  }

  #fail(feed: Feed, error: FaustError): void {
    this.#asking--
    if (feed.state === 'stopped') return
    feed.state = 'failed'
    this.#options.onError(error, feed.at)
  }

  #end(): void {
    this.#isClosed = true
    for (const feed of this.#feeds.values()) feed.state = 'stopped'
    this.#feeds.clear()
    this.#line.close()
  }
}

/** Bytes asked for at a time: of a partition, of one among very many, and of all together as far as that allows. */
const mostBytes = 256 * 1024
const leastBytes = 16 * 1024
const mostBytesInAll = 16 * 1024 * 1024

/** One partition's way to one reader. */
class Feed {
  readonly at: TopicPartition
  readonly start: Start
  readonly deliver: Deliver
  state: 'new' | 'asking' | 'delivering' | 'paused' | 'failed' | 'stopped' = 'new'
  /** The number of what it has asked last. */
  question = 0
  /** The only log that it may read. */
  readonly wanted: string | undefined
  /** The log that it reads, as opposed to a later one of the same name. */
  topicId: string | null = null
  position: number | undefined
  highWatermark: number | undefined

  constructor({ topic, partition, topicId }: LogPartition, start: Start, deliver: Deliver) {
    this.at = { topic, partition }
    this.wanted = topicId
    this.start = start
    this.deliver = deliver
  }
}
