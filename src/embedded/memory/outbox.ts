import { EncodeError, FencedError, type FaustError } from '../../errors.js'
import { Deferred } from '../../lib/deferred.js'
import type { Outgoing } from '../../transport/transport.js'
import { bytesPerMessage } from './batch.js'
import type { Link, Request } from './link.js'
import { maxBatchBytes, maxCount, OpenBatch, OpenColumns, Slab } from './open-batch.js'
import type { BrokerState } from './state.js'
import type { ProducerSession } from './transactions.js'

/** Bytes of key and value of a message, at most. */
export const maxMessageBytes: number = 1024 * 1024

/** A producer's messages on their way out: gathered into batches, sent one request at a time, so that order holds. */
export class Outbox {
  /** Why nothing can be appended now. */
  refuse: ((what: string) => FaustError) | null = null
  /** The first batch since this was last reset that was not stored. */
  failed: OpenBatch | null = null
  readonly #link: Link
  readonly #broker: BrokerState
  readonly #session: ProducerSession
  readonly #topics = new Map<string, OpenTopic>()
  readonly #spareColumns: OpenColumns[] = []
  #lastTopic: OpenTopic = { name: '', open: [] }
  #slab = new Slab(firstSlabBytes)
  /** Not sent yet, in the order of their first messages. */
  #gathering: OpenBatch[] = []
  #underWay: readonly OpenBatch[] = []
  #isScheduled = false
  #sequence = 0
  #unacknowledgedBytes = 0
  #drained: Deferred<void> | null = null

  constructor(link: Link, broker: BrokerState, session: ProducerSession) {
    this.#link = link
    this.#broker = broker
    this.#session = session
  }

  append(message: Outgoing): OpenBatch {
    if (this.refuse !== null) throw this.refuse(`append a message to "${message.topic}"`)
    const topic = this.#lastTopic.name === message.topic ? this.#lastTopic : this.#findTopic(message.topic)
    const room = mostBytes(message)
    let batch = topic.open[message.partition]
    if (batch === undefined || !this.#hasRoom(batch, room)) batch = this.#openBatch(topic, message)
    this.#unacknowledgedBytes += batch.add(message) + bytesPerMessage
    return batch
  }

  get isFull(): boolean {
    return this.#unacknowledgedBytes >= maxUnacknowledgedBytes
  }

  drained(): Promise<void> {
    if (!this.isFull) return Promise.resolve()
    this.#drained ??= new Deferred()
    return this.#drained.promise
  }

  flush(): Promise<void> {
    const batches = [...this.#underWay, ...this.#gathering]
    return new Promise(resolve => {
      let left = batches.length
      if (left === 0) resolve()
      const settled = (): void => void (--left === 0 && resolve())
      for (const batch of batches) batch.onSettled(settled)
    })
  }

  /** Fails what has not been sent; what is under way goes on. */
  drop(reason: (batch: OpenBatch) => Error): void {
    const dropped = this.#take()
    for (const batch of dropped) this.#release(batch)
    for (const batch of dropped) batch.settle(reason(batch))
    this.#wakeDrained()
  }

  /** Nothing gets in any more, and what was not acknowledged has failed. */
  end(refuse: (what: string) => FaustError): void {
    this.refuse = refuse
    const lost = [...this.#underWay, ...this.#take()]
    this.#unacknowledgedBytes = 0
    for (const batch of lost) batch.settle(refuse(`store messages of "${batch.topic}"[${batch.partition}]`))
    this.#wakeDrained()
  }

  #hasRoom(batch: OpenBatch, bytes: number): boolean {
    const slab = this.#slab
    if (batch.slab !== slab || slab.used + bytes > slab.buffer.length) return false
    return batch.count < maxCount && batch.size + bytes <= maxBatchBytes
  }

  /** The slow path: looks at the exact size, and opens another batch where that does not fit either. */
  #openBatch(topic: OpenTopic, message: Outgoing): OpenBatch {
    const bytes = exactBytes(message)
    if (bytes > maxMessageBytes) throw tooLarge(message, bytes)
    const open = topic.open[message.partition]
    if (open !== undefined && this.#hasRoom(open, bytes)) return open
    const slab = this.#slab
    if (slab.used + bytes > slab.buffer.length) {
      this.#slab = new Slab(Math.max(bytes, Math.min(slab.buffer.length * 2, maxSlabBytes)))
    }
    const at = { topic: message.topic, partition: message.partition, sequence: this.#sequence++ }
    const batch = new OpenBatch(at, this.#slab, this.#spareColumns.pop() ?? new OpenColumns())
    topic.open[message.partition] = batch
    this.#gathering.push(batch)
    if (this.#underWay.length === 0) this.#schedule()
    return batch
  }

  #findTopic(name: string): OpenTopic {
    let topic = this.#topics.get(name)
    if (topic === undefined) this.#topics.set(name, (topic = { name, open: [] }))
    this.#lastTopic = topic
    return topic
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#link.turn(() => this.#send())
  }

  #send(): void {
    this.#isScheduled = false
    const batches = (this.#underWay = this.#take())
    if (batches.length > 0) this.#link.attempt(this.#request(batches), isAnswerLost => this.#store(batches, isAnswerLost))
  }

  /** Closes the open batches. */
  #take(): OpenBatch[] {
    const batches = this.#gathering
    this.#gathering = []
    for (const { topic, partition } of batches) this.#findTopic(topic).open[partition] = undefined
    return batches
  }

  #request(batches: readonly OpenBatch[]): Request {
    if (this.#link.faults === null) return plainRequest
    const { transactional } = this.#session
    const topics = [...new Set(batches.map(({ topic }) => topic))]
    return { ...plainRequest, topics, transactionalId: transactional?.id, fence: () => transactional?.fence() }
  }

  #store(batches: readonly OpenBatch[], isAnswerLost: boolean): void {
    const errors = batches.map(batch => this.#storeOne(batch))
    if (isAnswerLost || batches !== this.#underWay) return
    this.#underWay = []
    for (const batch of batches) this.#release(batch)
    batches.forEach((batch, index) => this.#settle(batch, errors[index] ?? null))
    this.#wakeDrained()
    if (this.#gathering.length > 0) this.#schedule()
  }

  #storeOne(batch: OpenBatch): Error | null {
    const { transactional, producerId, epoch } = this.#session
    try {
      const transaction = transactional?.join(this.#session) ?? null
      const log = this.#broker.log(batch, 'write to')
      transaction?.logs.add(log)
      batch.baseOffset = log.append(batch, { producerId, epoch, transaction, nowMs: this.#link.clock.now() })
      return null
    } catch (error) {
      return error as FaustError
    }
  }

  #release(batch: OpenBatch): void {
    this.#unacknowledgedBytes -= batch.size + batch.count * bytesPerMessage
    if (this.#spareColumns.length < maxSpareColumns) this.#spareColumns.push(batch.columns)
  }

  #settle(batch: OpenBatch, error: Error | null): void {
    if (error !== null) this.failed ??= batch
    if (error instanceof FencedError) this.refuse = () => error
    batch.settle(error)
  }

  #wakeDrained(): void {
    if (this.isFull || this.#drained === null) return
    this.#drained.resolve()
    this.#drained = null
  }
}

interface OpenTopic {
  readonly name: string
  /** By partition. */
  readonly open: (OpenBatch | undefined)[]
}

const plainRequest: Request = { what: 'store messages', operation: 'produce' }
const firstSlabBytes = 16 * 1024
const maxSlabBytes = 1024 * 1024
const maxUnacknowledgedBytes = 16 * 1024 * 1024
const maxSpareColumns = 64

/** Without a look at the text: no character takes more than three bytes for each of its units. */
function mostBytes({ key, keyStart, keyEnd, value }: Outgoing): number {
  const keyBytes = key === null ? 0 : keyEnd - keyStart
  if (value === null) return keyBytes
  return keyBytes + (typeof value === 'string' ? value.length * 3 : value.length)
}

function exactBytes(message: Outgoing): number {
  const { value } = message
  return typeof value === 'string' ? mostBytes({ ...message, value: null }) + Buffer.byteLength(value) : mostBytes(message)
}

function tooLarge({ topic, partition }: Outgoing, bytes: number): EncodeError {
  const text = `Cannot write a message of ${bytes} bytes to "${topic}"[${partition}]: the broker takes at most ${maxMessageBytes}. Send less, or a reference to it.`
  return new EncodeError(text, { topic })
}
