import { ClosedError, FaustError, SendError } from '../errors.js'
import { nextTurn, type Clock } from '../lib/clock.js'
import type { Random } from '../lib/random.js'
import type { Gate } from '../stream/intake.js'
import type { Outgoing, OutgoingBatch, Producer } from '../transport/transport.js'
import { isBeyond, named, sizeOf, type Letter } from './letter.js'
import { PartitionSearch } from './partition-search.js'
import { SentMessage } from './sent-message.js'

export interface OutboxOptions {
  readonly clock: Clock
  /** Makes sure that a topic exists; resolves to its partitions. */
  readonly prepare: (topic: string) => Promise<number>
  /** Says where the partitions of a topic begin to take turns: processes that send but once must not all fill the first. Default: at 0. */
  readonly random?: Random
  /** A message that can never be sent and whose failure nobody awaits. */
  readonly onHopeless: (error: Error) => void
  /** Messages that finally failed and that nobody awaited: nothing settled so far may be committed. */
  readonly onUndelivered: (error: Error) => void
}

interface Route {
  partitions: number
  next: number
  /** Messages that wait for the partition count, in order. */
  parked: Parked[] | null
  readonly search: PartitionSearch<Parked>
}

interface Parked {
  readonly letter: Letter
  readonly sent: SentMessage
}

/** Of values that wait for the partitions of their topics; beyond that streams hand out nothing. */
const maxParkedBytes = 1024 * 1024

/**
 * Everything that a worker or a client sends goes out here, so that a commit can wait for all of it without knowing which
 * event caused what. Sends are entries in the producer's open batch; a promise is made only for whoever awaits.
 */
export class Outbox implements Gate {
  readonly #options: OutboxOptions
  readonly #routes = new Map<string, Route>()
  readonly #hash: (buffer: Uint8Array, start: number, end: number) => number
  readonly #preparing = new Set<Promise<void>>()
  /** Batches that have failed in this turn, with how many of their failed messages nobody has awaited yet. */
  readonly #failing = new Map<OutgoingBatch, number>()
  readonly #out: Outgoing = {
    topic: '',
    partition: 0,
    timestamp: 0,
    key: null,
    keyStart: 0,
    keyEnd: 0,
    value: null,
    headers: null,
  }
  #producer: Producer | null = null
  #parkedBytes = 0
  /** Those of this turn. */
  #refusals = 0
  #isClosed = false

  constructor(options: OutboxOptions, hash: (buffer: Uint8Array, start: number, end: number) => number) {
    this.#options = options
    this.#hash = hash
  }

  /** From now on messages go to this producer; what was sent before has waited for it in `prepare`. */
  open(producer: Producer): void {
    this.#producer = producer
  }

  /** Sends at once, or as soon as the topic's partitions are known; order per topic is kept. */
  send(letter: Letter): SentMessage {
    const sent = new SentMessage(this)
    const route = this.#routes.get(letter.topic) ?? this.#newRoute(letter.topic)
    if (route.parked !== null) {
      route.parked.push({ letter, sent })
      this.#parkedBytes += sizeOf(letter)
    } else if (isBeyond(letter, route.partitions)) this.#seek(route, letter, sent)
    else this.#append(route, letter, sent)
    return sent
  }

  /** Sends what nobody will await: no object is made for it, and `letter` may be used again. */
  post(letter: Letter): void {
    const route = this.#routes.get(letter.topic)
    if (route === undefined || route.parked !== null || isBeyond(letter, route.partitions)) {
      this.send({ ...letter })
      return
    }
    try {
      this.#write(route, letter)
    } catch (error) {
      this.refuse(error as Error)
    }
  }

  /** The delivery of something that failed before it could be sent. */
  refuse(error: Error): SentMessage {
    const sent = new SentMessage(this)
    this.#refuse(sent, error)
    return sent
  }

  /** How many partitions a topic has, once a message was sent to it; before that, 0. */
  partitionsOf(topic: string): number {
    return this.#routes.get(topic)?.partitions ?? 0
  }

  /** The topics sent to so far, with the partitions that they had. */
  get topics(): ReadonlyMap<string, number> {
    const prepared = [...this.#routes].filter(([, { parked }]) => parked === null)
    return new Map(prepared.map(([topic, { partitions }]) => [topic, partitions]))
  }

  /** A topic may have changed: ask again before the next message. */
  forget(topic: string): void {
    const route = this.#routes.get(topic)
    // What is sought must not be overtaken, and looks at the topic anyway.
    if (route !== undefined && route.parked === null && !route.search.isOn) this.#routes.delete(topic)
  }

  get isFull(): boolean {
    return this.#parkedBytes >= maxParkedBytes || (this.#producer !== null && this.#producer.isFull)
  }

  async drained(): Promise<void> {
    while (this.#parkedBytes >= maxParkedBytes) await Promise.race(this.#preparing)
    await this.#producer?.drained()
  }

  /** Resolves when everything sent so far is acknowledged or has finally failed and been reported. */
  async flush(): Promise<void> {
    while (this.#preparing.size > 0) await Promise.all(this.#preparing)
    await this.#producer?.flush()
    while (this.#failing.size > 0 || this.#refusals > 0) await nextTurn(this.#options.clock)
  }

  /** What is parked fails; later sends are refused. */
  close(): void {
    this.#isClosed = true
    for (const route of this.#routes.values()) {
      for (const { sent } of [...this.#unpark(route), ...route.search.end()])
        sent.fail(new ClosedError('Cannot send: the connection has been closed.'))
    }
  }

  /** Somebody awaits a message of this batch that has failed. */
  claim(batch: OutgoingBatch): void {
    const unclaimed = this.#failing.get(batch)
    if (unclaimed !== undefined) this.#failing.set(batch, unclaimed - 1)
  }

  #newRoute(topic: string): Route {
    const route: Route = { partitions: 0, next: 0, parked: [], search: this.#searchFor(topic, () => route) }
    this.#routes.set(topic, route)
    this.#waitFor(this.#prepare(topic, route))
    return route
  }

  #waitFor(preparing: Promise<void>): void {
    const done = preparing.finally(() => this.#preparing.delete(done))
    this.#preparing.add(done)
  }

  async #prepare(topic: string, route: Route): Promise<void> {
    try {
      route.partitions = await this.#options.prepare(topic)
      route.next = Math.floor((this.#options.random?.next() ?? 0) * route.partitions)
    } catch (error) {
      this.#routes.delete(topic)
      for (const { sent } of this.#unpark(route)) this.#refuse(sent, unprepared(topic, error))
      return
    }
    for (const { letter, sent } of this.#unpark(route)) {
      if (isBeyond(letter, route.partitions)) this.#seek(route, letter, sent)
      else this.#append(route, letter, sent)
    }
  }

  #seek(route: Route, letter: Letter, sent: SentMessage): void {
    this.#parkedBytes += sizeOf(letter)
    this.#waitFor(route.search.add({ letter, sent }))
  }

  #searchFor(topic: string, route: () => Route): PartitionSearch<Parked> {
    return new PartitionSearch({
      look: () => this.#options.prepare(topic),
      onOver: ({ letter, sent }, partitions) => {
        // Only now: whoever hears of the count before would overtake what is sought.
        route().partitions = partitions
        this.#parkedBytes -= sizeOf(letter)
        this.#append(route(), letter, sent)
      },
      onFailed: ({ letter, sent }, error) => {
        this.#parkedBytes -= sizeOf(letter)
        this.#refuse(sent, unprepared(topic, error))
      },
    })
  }

  #unpark(route: Route): readonly Parked[] {
    const parked = route.parked ?? []
    route.parked = null
    for (const { letter } of parked) this.#parkedBytes -= sizeOf(letter)
    return parked
  }

  #append(route: Route, letter: Letter, sent: SentMessage): void {
    try {
      sent.place(this.#write(route, letter))
    } catch (error) {
      this.#refuse(sent, error as Error)
    }
  }

  #write(route: Route, letter: Letter): OutgoingBatch {
    if (this.#isClosed || this.#producer === null) throw new ClosedError('Cannot send: the connection has been closed.')
    const out = this.#out
    out.topic = letter.topic
    out.partition = letter.partition === null ? this.#choose(route, letter) : named(letter, route.partitions)
    out.timestamp = letter.timestamp
    out.key = letter.key
    out.keyStart = letter.keyStart
    out.keyEnd = letter.keyEnd
    out.value = letter.value
    out.headers = letter.headers
    const batch = this.#producer.append(out)
    if (batch.count === 1) batch.onSettled(() => this.#settled(batch))
    return batch
  }

  #choose(route: Route, letter: Letter): number {
    if (letter.key !== null) return this.#hash(letter.key, letter.keyStart, letter.keyEnd) % route.partitions
    const partition = route.next
    route.next = (partition + 1) % route.partitions
    return partition
  }

  /** Whoever awaits the message has until the end of this turn to say so. */
  #refuse(sent: SentMessage, error: Error): void {
    sent.fail(error)
    this.#refusals++
    this.#options.clock.turn(() => {
      this.#refusals--
      if (sent.isAwaited || this.#isClosed) return
      if (isRetriable(error)) this.#options.onUndelivered(error)
      else this.#options.onHopeless(error)
    })
  }

  #settled(batch: OutgoingBatch): void {
    const { error } = batch
    if (error === null) return
    this.#failing.set(batch, countFailed(batch))
    this.#options.clock.turn(() => {
      const unclaimed = this.#failing.get(batch) ?? 0
      this.#failing.delete(batch)
      if (unclaimed > 0) this.#options.onUndelivered(error)
    })
  }
}

function countFailed(batch: OutgoingBatch): number {
  let failed = 0
  for (let place = 0; place < batch.count; place++) if (batch.errorAt(place) !== null) failed++
  return failed
}

function unprepared(topic: string, error: unknown): SendError {
  const facts = { topic, cause: error, retriable: isRetriable(error) }
  return new SendError(`Cannot send to "${topic}": ${messageOf(error)}`, facts)
}

function isRetriable(error: unknown): boolean {
  return error instanceof FaustError && error.retriable
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
