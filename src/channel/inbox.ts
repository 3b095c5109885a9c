import { ClosedError } from '../errors.js'
import { noHeaders, type Headers } from '../message/record.js'
import { Delivered, type Columns, type Tenure } from '../stream/delivered.js'
import type { Lane } from '../stream/lane.js'
import type { StreamQueue } from '../stream/queue.js'

/** A value on its way through a channel. */
export interface ChannelItem {
  readonly value: unknown
  readonly key: unknown
  readonly headers: Headers | null
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

interface Sender {
  readonly item: ChannelItem
  readonly done: () => void
  readonly failed: (error: Error) => void
}

const sent = Promise.resolve()

/** What an in-process channel holds in one worker: bounded, every subscriber gets everything. */
export class Inbox {
  readonly #name: string
  readonly #capacity: number
  readonly #subscribers: { queue: StreamQueue; lane: Lane }[] = []
  readonly #tenure: Tenure = { isLeaving: false, isOver: false, settled: null }
  /** What nobody has been there to get. */
  #early: ChannelItem[] = []
  #isHandingOver = false
  readonly #senders: Sender[] = []
  #isClosed = false

  constructor(name: string, capacity: number) {
    this.#name = name
    this.#capacity = capacity
  }

  /** Resolves when there is room for it; nobody has to await it. */
  put(item: ChannelItem): Promise<void> {
    return this.offer(item) ?? sent
  }

  /** Like `put`; `null` where there was room, so that what need not be waited for costs no promise. */
  offer(item: ChannelItem): Promise<void> | null {
    if (!this.#isClosed && this.#senders.length === 0 && this.#hasRoom()) {
      this.#deliver(item)
      return null
    }
    const admitted = new Promise<void>((done, failed) => {
      if (this.#isClosed) failed(this.#closed())
      else this.#senders.push({ item, done, failed })
    })
    admitted.catch(() => undefined)
    return admitted
  }

  /** Those who subscribe first, in one go, also get what was sent before anybody listened. */
  subscribe(queue: StreamQueue): void {
    const lane = queue.addLane(() => this.#admit(), { events: this.#capacity, bytes: Infinity })
    this.#subscribers.push({ queue, lane })
    queue.onClose(() => this.#unsubscribe(queue))
    if (this.#early.length === 0 || this.#isHandingOver) return
    this.#isHandingOver = true
    queueMicrotask(() => this.#handOver())
  }

  /** What it holds dies with it; waiting senders are told. */
  close(): void {
    this.#isClosed = true
    this.#tenure.isOver = true
    for (const sender of this.#senders.splice(0)) sender.failed(this.#closed())
  }

  #hasRoom(): boolean {
    if (this.#isWaiting) return this.#early.length < this.#capacity
    return this.#subscribers.every(({ lane }) => lane.wantsMore)
  }

  /** For a subscriber, or until the first ones are all there. */
  get #isWaiting(): boolean {
    return this.#subscribers.length === 0 || this.#isHandingOver
  }

  #handOver(): void {
    this.#isHandingOver = false
    const early = this.#early
    this.#early = []
    for (const item of early) this.#deliver(item)
    this.#admit()
  }

  #deliver(item: ChannelItem): void {
    if (this.#isWaiting) {
      this.#early.push(item)
      return
    }
    const columns = new ChannelColumns(this.#name, item)
    for (const { queue, lane } of this.#subscribers) queue.push(lane, new Delivered(columns, this.#tenure))
  }

  #admit(): void {
    while (this.#senders.length > 0 && this.#hasRoom()) {
      const sender = this.#senders.shift() as Sender
      this.#deliver(sender.item)
      sender.done()
    }
  }

  #unsubscribe(queue: StreamQueue): void {
    const at = this.#subscribers.findIndex(subscriber => subscriber.queue === queue)
    if (at >= 0) this.#subscribers.splice(at, 1)
    if (this.#subscribers.length > 0) this.#admit()
  }

  #closed(): ClosedError {
    return new ClosedError(`Cannot send to channel "${this.#name}": its worker has stopped.`)
  }
}

/** A batch of one, by reference: nothing is encoded. */
class ChannelColumns implements Columns {
  readonly topic: string
  readonly partition = -1
  readonly count = 1
  readonly bytes = 0
  readonly isOdd: boolean
  readonly hasHeaders: boolean
  readonly #item: ChannelItem

  constructor(name: string, item: ChannelItem) {
    this.topic = name
    this.#item = item
    this.hasHeaders = item.headers !== null
    this.isOdd = item.value instanceof Promise
  }

  open(): readonly unknown[] {
    return [this.#item.value]
  }

  key(): unknown {
    return this.#item.key
  }

  offset(): number {
    return -1
  }

  timestamp(): number {
    return this.#item.timestamp
  }

  headers(): Headers {
    return this.#item.headers ?? noHeaders
  }
}
