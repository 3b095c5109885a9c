import type { Batch, Deliver, LogPartition, Start, TopicPartition } from '../../transport/transport.js'
import { RecordReader, type Fetched, type RecordReaderOptions } from '../records/record-reader.js'
import type { Route } from '../cluster/route.js'
import { earliest, latest } from '../wire/offsets.js'

/**
 * Where a feed is in its round: `ready` to be served (with messages, or to ask for some), `placing` (its first offset is being
 * asked for), `asking` (for messages), `searching` (for its leader), `delivering`; `paused` until somebody resumes it;
 * `ended` for good.
 */
export type FeedState = 'ready' | 'placing' | 'asking' | 'searching' | 'delivering' | 'paused' | 'ended'

/** One partition's way to one reader: where it stands, and what was fetched and not delivered yet. */
export class PartitionFeed {
  readonly at: TopicPartition
  /** The only log that it may read. */
  readonly topicId: string | undefined
  readonly deliver: Deliver
  state: FeedState = 'ready'
  /** Where its requests go, and which log it reads, as opposed to a later one of the same name. */
  route: Route | null = null
  highWatermark: number | undefined
  /** Since when the cluster does not know the partition, on the monotonic clock. */
  unknownSinceMs: number | null = null
  /** The offset that its leader has named last as the beginning or the end. */
  placedAt = -1
  /** What could not be read at this offset is read once more before it counts as damaged. */
  damagedAt = -1
  /** Which offset to ask for before anything can be read; `null` when it is known. */
  seeks: typeof earliest | typeof latest | null
  /** Bytes of the answer that it works on. */
  heldBytes = 0
  readonly #records: RecordReader
  #isPlaced = false
  /** The position that whoever reads knows of. */
  #told: number | null

  constructor({ topic, partition, topicId }: LogPartition, start: Start, options: RecordReaderOptions & { deliver: Deliver }) {
    this.at = { topic, partition }
    this.topicId = topicId
    this.deliver = options.deliver
    this.seeks = typeof start === 'number' ? null : start === 'latest' ? latest : earliest
    this.#told = typeof start === 'number' ? start : null
    this.#records = new RecordReader(this.at, typeof start === 'number' ? start : -1, options)
  }

  /** Next offset to be delivered. */
  get offset(): number {
    return this.#records.position
  }

  /** The offset, once the log is known to have it. */
  get position(): number | undefined {
    return this.#isPlaced ? this.#records.position : undefined
  }

  /** Epoch of the last message read; -1 when there is none. */
  get lastEpoch(): number {
    return this.#records.leaderEpoch
  }

  /** `Cannot read "orders"[3]@1042`. */
  get what(): string {
    const place = this.seeks === null ? `@${this.offset}` : ''
    return `Cannot read "${this.at.topic}"[${this.at.partition}]${place}`
  }

  /** Reading goes on here. */
  moveTo(offset: number): void {
    this.drop()
    this.placedAt = offset
    this.seeks = null
    this.#records.position = offset
    this.#records.leaderEpoch = -1
    this.#told ??= offset
  }

  /** Takes up what was fetched from its offset on. */
  open(fetched: Fetched, highWatermark: number): void {
    this.#isPlaced = true
    this.highWatermark = highWatermark
    this.heldBytes = fetched.records.length
    if (this.heldBytes > 0) this.#records.open(fetched)
  }

  /** The next batch of what was fetched, `null` at its end. Throws `TransportError` for what cannot be read. */
  next(): Batch | null {
    if (this.heldBytes === 0) return null
    const batch = this.#records.next()
    if (batch === null) this.heldBytes = 0
    else this.#told = batch.nextOffset
    return batch
  }

  /** Whether the position has moved without a batch that says so; asked once, it has been told. */
  hasPassed(): boolean {
    const { position } = this
    if (position === undefined || position === this.#told) return false
    this.#told = position
    return true
  }

  /** Forgets what was fetched: it will be fetched again. */
  drop(): void {
    if (this.heldBytes === 0) return
    this.heldBytes = 0
    this.#records.open({ records: noBytes, aborted: null })
  }
}

const noBytes = Buffer.alloc(0)
