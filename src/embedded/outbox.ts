import { EncodeError, FencedError, type FaustError } from '../errors.js'
import { Deferred } from '../lib/deferred.js'
import type { Outgoing, TopicPartition } from '../transport/transport.js'
import { maxMessageBytes } from './block/layout.js'
import type { Lifetime } from './lifetime.js'
import type { OpenBatch } from './open-batch.js'

/** Takes batches to the broker. */
export interface Courier<Batch extends OpenBatch> {
  /** Bytes that are sent at a time, unless a single batch has more. */
  readonly maxBytes: number
  /** Opens a batch with room for a message of this many bytes. */
  open(at: TopicPartition, bytes: number): Batch
  /** Has them stored in this order and says what became of each: `null`, or why it was not stored. */
  send(batches: readonly Batch[], stored: (errors: readonly (Error | null)[]) => void): void
}

/** A producer's messages on their way out: gathered into batches, sent one request at a time, so that order holds. */
export class Outbox<Batch extends OpenBatch> {
  /** Why nothing can be appended now. */
  refuse: ((what: string) => FaustError) | null = null
  /** The first batch since this was last reset that was not stored. */
  failed: Batch | null = null
  readonly #life: Lifetime
  readonly #courier: Courier<Batch>
  readonly #topics = new Map<string, OpenTopic<Batch>>()
  #lastTopic: OpenTopic<Batch> = { name: '', open: [] }
  /** Not sent yet, in the order of their first messages. */
  #gathering: Batch[] = []
  #underWay: readonly Batch[] = []
  #isScheduled = false
  #unacknowledgedBytes = 0
  #drained: Deferred<void> | null = null

  constructor(life: Lifetime, courier: Courier<Batch>) {
    this.#life = life
    this.#courier = courier
  }

  append(message: Outgoing): Batch {
    if (this.refuse !== null) throw this.refuse(`append a message to "${message.topic}"`)
    const topic = this.#lastTopic.name === message.topic ? this.#lastTopic : this.#findTopic(message.topic)
    let batch = topic.open[message.partition]
    if (batch === undefined || !batch.hasRoomFor(mostBytes(message))) batch = this.#openBatch(topic, message)
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
  drop(reason: (batch: Batch) => Error): void {
    const dropped = this.#take(Infinity)
    this.#forget(dropped)
    for (const batch of dropped) batch.settle(reason(batch))
    this.#wakeDrained()
  }

  /** Nothing gets in any more, and what was not acknowledged has failed. */
  end(refuse: (what: string) => FaustError): void {
    this.refuse = refuse
    const lost = [...this.#underWay, ...this.#take(Infinity)]
    this.#underWay = []
    this.#unacknowledgedBytes = 0
    for (const batch of lost) batch.settle(refuse(`store messages of "${batch.topic}"[${batch.partition}]`))
    this.#wakeDrained()
  }

  /** The slow path: looks at the exact size, and opens another batch where that does not fit either. */
  #openBatch(topic: OpenTopic<Batch>, message: Outgoing): Batch {
    const bytes = exactBytes(message)
    const open = topic.open[message.partition]
    if (open?.hasRoomFor(bytes) === true) return open
    const batch = this.#courier.open(message, bytes)
    topic.open[message.partition] = batch
    this.#gathering.push(batch)
    if (this.#underWay.length === 0) this.#schedule()
    return batch
  }

  #findTopic(name: string): OpenTopic<Batch> {
    let topic = this.#topics.get(name)
    if (topic === undefined) this.#topics.set(name, (topic = { name, open: [] }))
    this.#lastTopic = topic
    return topic
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#life.turn(() => this.#send())
  }

  #send(): void {
    this.#isScheduled = false
    const batches = (this.#underWay = this.#take(this.#courier.maxBytes))
    if (batches.length > 0) this.#courier.send(batches, errors => this.#stored(batches, errors))
  }

  /** Closes the first of the open batches, up to so many bytes. */
  #take(maxBytes: number): Batch[] {
    let bytes = 0
    const end = this.#gathering.findIndex(batch => (bytes += batch.size) > maxBytes)
    const batches = this.#gathering.splice(0, end < 0 ? this.#gathering.length : Math.max(1, end))
    for (const batch of batches) {
      const { open } = this.#findTopic(batch.topic)
      if (open[batch.partition] === batch) open[batch.partition] = undefined
    }
    return batches
  }

  #stored(batches: readonly Batch[], errors: readonly (Error | null)[]): void {
    if (batches !== this.#underWay) return
    this.#underWay = []
    this.#forget(batches)
    batches.forEach((batch, index) => this.#settle(batch, errors[index] ?? null))
    this.#wakeDrained()
    if (this.#gathering.length > 0) this.#schedule()
  }

  #forget(batches: readonly Batch[]): void {
    for (const { size, count } of batches) this.#unacknowledgedBytes -= size + count * bytesPerMessage
  }

  #settle(batch: Batch, error: Error | null): void {
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

interface OpenTopic<Batch> {
  readonly name: string
  /** By partition. */
  readonly open: (Batch | undefined)[]
}

const bytesPerMessage = 32
const maxUnacknowledgedBytes = 16 * 1024 * 1024
/** See `block/layout.ts`. */
const bytesPerHeaders = 8
const bytesPerHeader = 6
const maxNameBytes = 65_535

/** Without a look at the text: no character takes more than three bytes for each of its units. */
function mostBytes(message: Outgoing): number {
  const { key, keyStart, keyEnd, value } = message
  const bytes = (key === null ? 0 : keyEnd - keyStart) + (message.headers === null ? 0 : headerBytes(message))
  if (value === null) return bytes
  return bytes + (typeof value === 'string' ? value.length * 3 : value.length)
}

/** Throws `EncodeError` for a message that is too large. */
function exactBytes(message: Outgoing): number {
  const { key, keyStart, keyEnd, value } = message
  const valueBytes = typeof value === 'string' ? Buffer.byteLength(value) : (value?.length ?? 0)
  const bytes = (key === null ? 0 : keyEnd - keyStart) + valueBytes
  if (bytes > maxMessageBytes) throw tooLarge(message, `a message of ${bytes} bytes`, maxMessageBytes)
  return bytes + headerBytes(message)
}

/** Throws `EncodeError` for headers that are too large. */
function headerBytes(message: Outgoing): number {
  if (message.headers === null) return 0
  let bytes = bytesPerHeaders
  for (const [name, value] of message.headers) {
    const nameBytes = Buffer.byteLength(name)
    if (nameBytes > maxNameBytes) throw tooLarge(message, `the name of a header with ${nameBytes} bytes`, maxNameBytes)
    bytes += bytesPerHeader + nameBytes + value.length
  }
  if (bytes > maxMessageBytes) throw tooLarge(message, `headers of ${bytes} bytes`, maxMessageBytes)
  return bytes
}

function tooLarge({ topic, partition }: Outgoing, thing: string, limit: number): EncodeError {
  const text = `Cannot write ${thing} to "${topic}"[${partition}]: the broker takes at most ${limit}. Send less, or a reference to it.`
  return new EncodeError(text, { topic })
}
