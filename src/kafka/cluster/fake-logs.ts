// Partitions of a test: they take in batches, know repeated ones again, and give them out, as leaders do.
import type { Clock } from '../../lib/clock.js'
import type { TopicPartition } from '../../transport/transport.js'
import { errorCodes } from '../wire/error-codes.js'
import { noCompression } from '../records/fake-batch.js'
import type { FakeCluster } from './fake-wire.js'
import { field, readLong, RecordBatch, writeLong } from '../records/record-batch.js'
import { RecordReader } from '../records/record-reader.js'
import { describeConfigs } from '../wire/configs.js'
import { fetch, type AbortedTransaction, type FetchAnswer, type FetchArgs, type FetchedPartition } from '../wire/fetch.js'
import { earliest, listOffsets } from '../wire/offsets.js'
import { produce, type ProduceArgs, type ProducedPart } from '../wire/produce.js'
import { initProducerId } from '../wire/transaction.js'

/** Time as a test wants it. */
export interface SteppedClock extends Clock {
  advance(ms: number): Promise<void>
}

/** One partition: whole record batches, in order. */
export class FakeLog {
  start = 0
  end = 0
  batches: Buffer[] = []
  aborted: readonly AbortedTransaction[] | null = null
  /** By producer id: its epoch, and the last batches that it has stored. */
  readonly #producers = new Map<number, { epoch: number; stored: Stored[] }>()

  /** Stores a batch as it is, behind the others. */
  store(batch: Buffer, leaderEpoch: number = 0): number {
    const own = Buffer.from(batch)
    writeLong(own, this.end, field.baseOffset)
    own.writeInt32BE(leaderEpoch, field.leaderEpoch)
    this.batches.push(own)
    const baseOffset = this.end
    this.end = new RecordBatch(own, 0, own.length).nextOffset
    return baseOffset
  }

  /** Stores a batch of an idempotent producer once, and only behind its last. */
  take(batch: Buffer): Pick<ProducedPart, 'errorCode' | 'baseOffset'> {
    const producerId = readLong(batch, field.producerId)
    const epoch = batch.readInt16BE(field.producerEpoch)
    const first = batch.readInt32BE(field.baseSequence)
    const next = (first + batch.readInt32BE(field.count)) % 2 ** 31
    const known = this.#producers.get(producerId) ?? { epoch, stored: [] }
    if (epoch < known.epoch) return refusal(errorCodes.INVALID_PRODUCER_EPOCH)
    const stored = epoch === known.epoch ? known.stored : []
    const same = this.storedAs(batch)
    if (same !== null) return { errorCode: 0, baseOffset: same }
    if (first !== (stored.at(-1)?.next ?? 0)) return refusal(errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
    const baseOffset = this.store(batch)
    this.#producers.set(producerId, { epoch, stored: [...stored, { first, next, baseOffset }].slice(-5) })
    return { errorCode: 0, baseOffset }
  }

  /** Offset of a batch that comes again; `null` for one that is new. */
  storedAs(batch: Buffer): number | null {
    const known = this.#producers.get(readLong(batch, field.producerId))
    if (known?.epoch !== batch.readInt16BE(field.producerEpoch)) return null
    const first = batch.readInt32BE(field.baseSequence)
    const next = (first + batch.readInt32BE(field.count)) % 2 ** 31
    return known.stored.find(each => each.first === first && each.next === next)?.baseOffset ?? null
  }

  /** Loses track of who has written what. */
  forgetProducers(): void {
    this.#producers.clear()
  }

  /** Every message that it has. */
  get values(): string[] {
    const reader = new RecordReader({ topic: '', partition: 0 }, 0, { compression: noCompression, checksCrc: true })
    reader.open({ records: Buffer.concat(this.batches), aborted: null })
    const values: string[] = []
    for (let batch = reader.next(); batch !== null; batch = reader.next()) {
      const { buffer, valueStarts, valueEnds } = batch
      for (const [index, start] of valueStarts.entries()) values.push(buffer.toString('utf8', start, valueEnds[index]))
    }
    return values
  }

  /** The batches from an offset on; the first one comes whole if nothing has come before it. */
  read(from: number, maxBytes: number, isFirst: boolean): Buffer {
    const found: Buffer[] = []
    let bytes = 0
    for (const batch of this.batches) {
      if (new RecordBatch(batch, 0, batch.length).nextOffset <= from) continue
      bytes += batch.length
      if (bytes > maxBytes && !(isFirst && found.length === 0)) break
      found.push(batch)
    }
    return Buffer.concat(found)
  }
}

interface Stored {
  readonly first: number
  readonly next: number
  readonly baseOffset: number
}

/** Makes the brokers of a fake cluster serve partitions. Tests change what it answers by an `on` of their own. */
export class FakeLogs {
  readonly limits = new Map<string, number>()
  readonly #logs = new Map<string, FakeLog>()
  readonly #cluster: FakeCluster
  readonly #clock: Clock
  /** Ends the waiting of fetches for messages. */
  #arrived: (() => void)[] = []
  #producerIds = 0

  constructor(cluster: FakeCluster, clock: Clock) {
    this.#cluster = cluster
    this.#clock = clock
    cluster.on(fetch, (args, place) => this.fetch(args, place))
    cluster.on(produce, (args, place) => ({ partitions: args.partitions.map(part => this.produce(part, place)) }))
    cluster.on(listOffsets, ({ partitions }, place) => ({
      partitions: partitions.map(part => {
        const { start, end } = this.of(part)
        const offset = part.timestamp === earliest ? start : end
        const errorCode = this.#refuse(part, place)
        return { topic: part.topic, partition: part.partition, errorCode, offset, timestamp: -1, leaderEpoch: 0 }
      }),
    }))
    cluster.on(initProducerId, () => ({ errorCode: 0, producerId: 1000 + this.#producerIds++, producerEpoch: 0 }))
    cluster.on(describeConfigs, ({ topics }) => ({
      topics: topics.map(topic => {
        const value = String(this.limits.get(topic) ?? 1_048_588)
        const configs = [{ name: 'max.message.bytes', value, isInherited: true }]
        return { topic, errorCode: 0, errorMessage: null, configs }
      }),
    }))
  }

  of({ topic, partition }: TopicPartition): FakeLog {
    const name = `${partition} ${topic}`
    const log = this.#logs.get(name) ?? new FakeLog()
    this.#logs.set(name, log)
    return log
  }

  /** Stores batches and wakes the fetches that wait. */
  store(at: TopicPartition, ...batches: readonly Buffer[]): void {
    for (const batch of batches) this.of(at).store(batch)
    this.#wake()
  }

  async fetch(args: FetchArgs, place: string): Promise<FetchAnswer> {
    const isWorth = ({ topics }: FetchAnswer): boolean =>
      topics.some(({ partitions }) =>
        partitions.some(part => part.errorCode !== 0 || part.records.length > 0 || part.divergesAt !== null),
      )
    const untilMs = this.#clock.elapsed() + args.maxWaitMs
    let answer = this.#answer(args, place)
    while (!isWorth(answer) && this.#clock.elapsed() < untilMs) {
      await new Promise<void>(resolve => {
        this.#arrived.push(resolve)
        this.#clock.after(untilMs - this.#clock.elapsed(), resolve, 'background')
      })
      answer = this.#answer(args, place)
    }
    return answer
  }

  produce(part: ProduceArgs['partitions'][number], place: string): ProducedPart {
    const errorCode = this.#refuse(part, place)
    const batch = Buffer.from(part.batch)
    const isTooLarge = batch.length > (this.limits.get(part.topic) ?? Infinity)
    const refused = errorCode || (isTooLarge ? errorCodes.MESSAGE_TOO_LARGE : 0)
    const taken = refused === 0 ? this.of(part).take(batch) : refusal(refused)
    if (taken.errorCode === 0) this.#wake()
    const { topic, partition } = part
    return { topic, partition, logStartOffset: 0, errorMessage: null, recordErrors: [], ...taken }
  }

  #answer({ topics, maxBytes }: FetchArgs, place: string): FetchAnswer {
    let left = maxBytes
    const answered = topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(from => {
        const name = [...this.#cluster.topics.values()].find(({ id }) => id === topicId)?.name
        if (name === undefined || name === null) return empty(from.partition, errorCodes.UNKNOWN_TOPIC_ID)
        const log = this.of({ topic: name, partition: from.partition })
        const errorCode = this.#refuse({ topic: name, partition: from.partition }, place, from.leaderEpoch)
        if (errorCode !== 0) return empty(from.partition, errorCode)
        if ((from.lastEpoch ?? -1) >= 0 && from.offset > log.end) return { ...empty(from.partition, 0), divergesAt: log.end }
        if (from.offset < log.start || from.offset > log.end) return empty(from.partition, errorCodes.OFFSET_OUT_OF_RANGE)
        const records = log.read(from.offset, Math.min(left, from.maxBytes), left === maxBytes)
        left -= records.length
        return { ...empty(from.partition, 0), highWatermark: log.end, lastStableOffset: log.end, aborted: log.aborted, records }
      }),
    }))
    return { errorCode: 0, topics: answered }
  }

  /** Why the broker at `place` does not serve a partition; 0 when it does. */
  #refuse({ topic, partition }: TopicPartition, place: string, leaderEpoch: number = -1): number {
    const found = this.#cluster.topics.get(topic)?.partitions.find(part => part.partition === partition)
    if (found === undefined) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    if (leaderEpoch >= 0 && leaderEpoch < found.leaderEpoch) return errorCodes.FENCED_LEADER_EPOCH
    return place === `b${found.leader}:9092` ? 0 : errorCodes.NOT_LEADER_OR_FOLLOWER
  }

  #wake(): void {
    const arrived = this.#arrived
    this.#arrived = []
    for (const wake of arrived) wake()
  }
}

function refusal(errorCode: number): Pick<ProducedPart, 'errorCode' | 'baseOffset'> {
  return { errorCode, baseOffset: -1 }
}

function empty(partition: number, errorCode: number): FetchedPartition {
  const nothing = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, aborted: null, divergesAt: null }
  return { partition, errorCode, ...nothing, records: Buffer.alloc(0) }
}
