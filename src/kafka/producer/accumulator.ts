import { EncodeError, type FaustError } from '../../errors.js'
import type { Clock } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import type { Outgoing } from '../../transport/transport.js'
import type { Compression } from '../records/compression.js'
import { field } from '../records/record-batch.js'
import { mostRecordBytes, RecordWriter } from '../records/record-writer.js'
import { divided } from './division.js'
import { PartitionQueue } from './partition-queue.js'
import type { TopicLimits } from './topic-limits.js'
import { UnsentBatch } from './unsent-batch.js'

export interface AccumulatorOptions {
  readonly clock: Pick<Clock, 'elapsed'>
  readonly compression: Compression
  readonly limits: Pick<TopicLimits, 'of' | 'ask'>
  /** A queue has got a batch. */
  readonly onBatch: (queue: PartitionQueue) => void
}

/** A producer's messages, by partition and in order, from their `append` until the fate of their batch is known. */
export class Accumulator {
  /** Why nothing can be appended now. */
  refuse: ((what: string) => FaustError) | null = null
  /** Why nothing is sent again: see `giveUp`. */
  givenUp: ((batch: UnsentBatch) => Error) | null = null
  /** The first batch since this was last reset that was not stored. */
  failed: UnsentBatch | null = null
  readonly #options: AccumulatorOptions
  readonly #topics = new Map<string, OpenTopic>()
  #lastTopic: OpenTopic = { name: '', queues: [] }
  readonly #unsettled = new Map<UnsentBatch, PartitionQueue>()
  readonly #spare: RecordWriter[] = []
  #bytes = 0
  #drained: Deferred<void> | null = null

  constructor(options: AccumulatorOptions) {
    this.#options = options
  }

  append(message: Outgoing): UnsentBatch {
    if (this.refuse !== null) throw this.refuse(`append a message to "${message.topic}"`)
    const queue = this.#queueOf(message)
    const batch = queue.open
    if (batch === null || batch.size + mostRecordBytes(message) > batch.limit) return this.#appendToNew(queue, message)
    this.#bytes += batch.add(message)
    return batch
  }

  get isFull(): boolean {
    return this.#bytes >= mostBytes
  }

  drained(): Promise<void> {
    if (!this.isFull) return Promise.resolve()
    this.#drained ??= new Deferred()
    return this.#drained.promise
  }

  flush(): Promise<void> {
    return new Promise(resolve => {
      let left = this.#unsettled.size
      if (left === 0) resolve()
      const settled = (): void => void (--left === 0 && resolve())
      for (const batch of this.#unsettled.keys()) batch.onSettled(settled)
    })
  }

  /** The fate of a queue's first batch is known: it is stored, or it finally was not, and nobody reads its bytes any more. */
  settle(queue: PartitionQueue, error: Error | null): void {
    const batch = queue.first
    if (batch === undefined) return
    this.#keep(this.#settle(queue, batch, error), batch.size)
  }

  /** The broker has certainly not stored a queue's first batch: several go in its place, a new one from each of these places on. */
  divide(queue: PartitionQueue, places: readonly number[]): readonly UnsentBatch[] {
    const whole = queue.first
    if (whole === undefined) return []
    const pieces = divided(whole, places, this.#options.compression)
    queue.divide(pieces)
    this.#unsettled.delete(whole)
    this.#bytes -= whole.size
    for (const piece of pieces) {
      this.#unsettled.set(piece, queue)
      this.#bytes += piece.size
    }
    this.#keep(whole.divide(pieces), whole.size)
    return pieces
  }

  /** A batch that is not under way will not be stored. */
  fail(queue: PartitionQueue, batch: UnsentBatch, error: Error): void {
    this.#settle(queue, batch, error)
  }

  /** Fails what waits, of one queue or of all; what is under way goes on. */
  drop(reason: (batch: UnsentBatch) => Error, of: PartitionQueue | null = null): void {
    for (const [batch, queue] of [...this.#unsettled]) {
      const isUnderWay = queue.state === 'sending' && queue.first === batch
      if (!isUnderWay && (of === null || of === queue)) this.#settle(queue, batch, reason(batch))
    }
  }

  /** Fails everything but what is under way, and that as soon as it would have to be sent again. */
  giveUp(reason: (batch: UnsentBatch) => Error): void {
    this.givenUp = reason
    this.drop(reason)
  }

  /** Nothing gets in any more, and what was not acknowledged has failed. */
  end(refuse: (what: string) => FaustError): void {
    this.refuse = refuse
    for (const [batch, queue] of [...this.#unsettled]) {
      this.#settle(queue, batch, refuse(`store messages of "${batch.topic}"[${batch.partition}]`))
    }
  }

  /** Looks more closely whether there is room, and opens another batch where there is none. */
  #appendToNew(queue: PartitionQueue, message: Outgoing): UnsentBatch {
    const { limits, clock, compression, onBatch } = this.#options
    const { maxBytes, usualBytes } = limits.of(message.topic)
    const bytes = exactBytes(message)
    if (field.records + bytes > maxBytes) {
      void limits.ask(message.topic)
      throw tooLarge(message, maxBytes)
    }
    const writer = this.#spare.pop() ?? new RecordWriter(compression, leastRoom)
    writer.restart()
    const limit = Math.max(usualBytes, field.records + bytes)
    const batch = new UnsentBatch(queue.at, { writer, openedMs: clock.elapsed(), limit })
    this.#bytes += batch.add(message)
    this.#unsettled.set(batch, queue)
    queue.push(batch)
    onBatch(queue)
    return batch
  }

  #settle(queue: PartitionQueue, batch: UnsentBatch, error: Error | null): RecordWriter {
    queue.remove(batch)
    this.#unsettled.delete(batch)
    this.#bytes -= batch.size
    if (error !== null) this.failed ??= batch
    const writer = batch.settle(error)
    if (this.#drained !== null && !this.isFull) {
      this.#drained.resolve()
      this.#drained = null
    }
    return writer
  }

  #keep(writer: RecordWriter, size: number): void {
    if (size <= mostSpareBytes && this.#spare.length < mostSpare) this.#spare.push(writer)
  }

  #queueOf({ topic: name, partition }: Outgoing): PartitionQueue {
    let topic = this.#lastTopic.name === name ? this.#lastTopic : this.#topics.get(name)
    if (topic === undefined) this.#topics.set(name, (topic = { name, queues: [] }))
    this.#lastTopic = topic
    return (topic.queues[partition] ??= new PartitionQueue({ topic: name, partition }))
  }
}

interface OpenTopic {
  readonly name: string
  /** By partition. */
  readonly queues: (PartitionQueue | undefined)[]
}

/** Not acknowledged, of all partitions together: some requests' worth. What waits for longer only leaves the processor's cache. */
const mostBytes = 8 * 1024 * 1024

/** Writers that are kept for the next batches: how many, and up to which size; together what may be on its way. */
const mostSpare = 32
const mostSpareBytes = 256 * 1024
const leastRoom = 2048

/** Bytes of key and value together for which there is always room in a batch of so many bytes. */
export function mostMessageBytes(batchBytes: number): number {
  const nothing = { topic: '', partition: 0, timestamp: 0, key: null, keyStart: 0, keyEnd: 0, value: null, headers: null }
  return batchBytes - field.records - mostRecordBytes(nothing)
}

/** What a message takes in a batch; it may be a little less. */
function exactBytes(message: Outgoing): number {
  const { value } = message
  if (typeof value !== 'string') return mostRecordBytes(message)
  return mostRecordBytes({ ...message, value: null }) + Buffer.byteLength(value)
}

function tooLarge({ topic, partition, key, keyStart, keyEnd, value }: Outgoing, maxBytes: number): EncodeError {
  const valueBytes = typeof value === 'string' ? Buffer.byteLength(value) : (value?.length ?? 0)
  const bytes = valueBytes + (key === null ? 0 : keyEnd - keyStart)
  const text = `Cannot write a message of ${bytes} bytes to "${topic}"[${partition}]: with its frame and headers it is more than the ${maxBytes} that the topic takes. Send less, or raise the topic's max.message.bytes.`
  return new EncodeError(text, { topic })
}
