import { PartitionMap } from '../../transport/partition-map.js'
import { readAlready, readerClosed } from '../../transport/reader-refusals.js'
import type { Deliver, LogPartition, Reader, ReaderOptions, Start, TopicPartition } from '../../transport/transport.js'
import type { Link } from '../link.js'
import { FetchLoop } from './fetch-loop.js'
import { PartitionFeed } from './partition-feed.js'

/** Reads partitions, without a group, from their leaders. It ends with `close`, or when the cluster is closed. */
export class KafkaReader implements Reader {
  /** Nobody has to close it any more. */
  onClosed: () => void = () => undefined
  readonly #link: Link
  readonly #loop: FetchLoop
  readonly #feeds = new PartitionMap<PartitionFeed>()
  #isClosed = false

  constructor(link: Link, options: ReaderOptions) {
    this.#link = link
    this.#loop = new FetchLoop(link, options)
  }

  add(at: LogPartition, start: Start, deliver: Deliver): void {
    if (this.#isClosed) throw readerClosed(at)
    if (this.#feeds.get(at) !== undefined) throw readAlready(at)
    const { compression } = this.#link
    const feed = new PartitionFeed(at, start, { deliver, compression, checksCrc: true })
    this.#feeds.set(at, feed)
    this.#loop.wake(feed)
  }

  remove(at: TopicPartition): void {
    const feed = this.#feeds.get(at)
    if (feed === undefined) return
    this.#feeds.delete(at)
    this.#loop.end(feed)
  }

  resume(at: TopicPartition): void {
    const feed = this.#feeds.get(at)
    if (feed?.state === 'paused') this.#loop.wake(feed)
  }

  position(at: TopicPartition): number | undefined {
    return this.#feeds.get(at)?.position
  }

  highWatermark(at: TopicPartition): number | undefined {
    return this.#feeds.get(at)?.highWatermark
  }

  close(): Promise<void> {
    this.#isClosed = true
    for (const feed of this.#feeds.values()) this.#loop.end(feed)
    this.#feeds.clear()
    this.#loop.close()
    this.onClosed()
    return Promise.resolve()
  }
}
