import { OptionError } from '../errors.js'
import type { Clock } from '../lib/clock.js'
import { toMs, type Duration } from '../lib/duration.js'
import { awaited } from './awaited.js'
import { BatchIterator } from './batch-iterator.js'
import type { Destination, Event, Stream, Topic } from './contract.js'
import { StreamEvent } from './event.js'
import type { Reading } from './intake.js'
import { EventIterator, type Shape } from './iterator.js'
import { isOffering } from './offer.js'
import { rateLimit } from './rate-limit.js'
import { dropped, type Stage } from './stage.js'

/** Where a stream leads on to when it hops through a topic: whoever runs streams knows. */
type Hop = (source: EventStream, topic: Topic<unknown, unknown>) => Stream<unknown, unknown>

export interface StreamParts {
  /**
   * Connects to the events when the first loop starts: before the app runs that throws `NotStartedError`. What a new loop
   * asks for is never a connection that has ended for good.
   */
  readonly open: (isNewLoop?: boolean) => Omit<Reading, 'stages' | 'isManual'>
  readonly stages: readonly Stage[]
  readonly isManual: boolean
  readonly clock: () => Clock
  readonly hop: Hop
}

/** A stream is a description: operators make a longer one, a loop runs it. Types live in the contract. */
export class EventStream implements Stream<unknown, unknown> {
  readonly #parts: StreamParts

  constructor(parts: StreamParts) {
    this.#parts = parts
  }

  [Symbol.asyncIterator](): EventIterator<unknown> {
    return this.#iterate(null)
  }

  events(): AsyncIterable<Event<unknown, unknown>> {
    const { isManual } = this.#parts
    return this.#each((lot, index, value) => new StreamEvent({ lot, index, isManual }, value))
  }

  entries(): AsyncIterable<[unknown, unknown]> {
    return this.#each((lot, index, value): [unknown, unknown] => [lot.columns.key(index), value])
  }

  enumerate(start = 0): AsyncIterable<[number, unknown]> {
    let count = start
    return this.#each((_lot, _index, value): [number, unknown] => [count++, value])
  }

  batch(max: number, options: { within: Duration }): AsyncIterable<unknown[]> {
    const size = wholeNumber(max, 'batch(max)')
    const withinMs = toMs(options.within, 'batch(…, { within })')
    return {
      [Symbol.asyncIterator]: () => new BatchIterator(this.#reading(), { max: size, withinMs, clock: this.#parts.clock() }),
    }
  }

  filter<Kept>(keep: (value: unknown) => value is Kept): Stream<Kept, unknown>
  filter(keep: (value: unknown) => boolean): Stream<unknown, unknown>
  filter(keep: (value: unknown) => unknown): Stream<unknown, unknown> {
    return this.#with(value => {
      const kept = keep(value)
      if (kept instanceof Promise) return kept.then(isKept => (isKept ? value : dropped))
      return kept ? value : dropped
    })
  }

  map<Mapped>(change: (value: unknown) => Mapped | Promise<Mapped>): Stream<Mapped, unknown> {
    return this.#with(value => change(value)) as Stream<unknown, unknown> as Stream<Mapped, unknown>
  }

  tap(look: (value: unknown) => unknown): EventStream {
    return this.#with(value => {
      const wait = awaited(look(value))
      return wait === null ? value : wait.then(() => value)
    })
  }

  echo(...destinations: Destination<unknown>[]): EventStream {
    return this.#with((value, { lot, index }) => {
      const { columns } = lot
      let waits: Promise<unknown>[] | null = null
      for (const destination of destinations) {
        const options = { key: columns.key(index), timestamp: columns.timestamp(index) }
        const wait = isOffering(destination) ? destination.offer(value, options) : awaited(destination.send(value, options))
        if (wait !== null) (waits ??= []).push(wait)
      }
      return waits === null ? value : Promise.all(waits).then(() => value)
    })
  }

  rateLimit(max: number, per: Duration): EventStream {
    const position = this.#parts.stages.length
    const rate = { max: positive(max, 'rateLimit(n)'), perMs: toMs(per, 'rateLimit(…, per)'), position }
    return this.#with(rateLimit(rate, this.#parts.clock))
  }

  noack(): EventStream {
    return new EventStream({ ...this.#parts, isManual: true })
  }

  get signal(): AbortSignal {
    return this.#parts.open().hands.signal
  }

  through(topic: Topic<unknown, unknown>): Stream<unknown, unknown> {
    return this.#parts.hop(this, topic)
  }

  /** The same stream in other hands, where its events settle as they are passed on. */
  readBy(open: StreamParts['open']): EventStream {
    return new EventStream({ ...this.#parts, open, isManual: false })
  }

  /** Whether `noack()` stands in it. */
  get isManual(): boolean {
    return this.#parts.isManual
  }

  /** Where it reads; connects it if nothing has yet. */
  opened(): ReturnType<StreamParts['open']> {
    return this.#parts.open()
  }

  #with(stage: Stage): EventStream {
    return new EventStream({ ...this.#parts, stages: [...this.#parts.stages, stage] })
  }

  #each<Element>(shape: Shape<Element>): AsyncIterable<Element> {
    return { [Symbol.asyncIterator]: () => this.#iterate(shape) }
  }

  #iterate<Element>(shape: Shape<Element> | null): EventIterator<Element> {
    return new EventIterator(this.#reading(), shape)
  }

  #reading(): Reading {
    return { ...this.#parts.open(true), stages: this.#parts.stages, isManual: this.#parts.isManual }
  }
}

function wholeNumber(value: number, option: string): number {
  if (Number.isInteger(value) && value > 0) return value
  throw new OptionError(`${option} must be a whole number above 0, got ${String(value)}.`, { option })
}

function positive(value: number, option: string): number {
  if (Number.isFinite(value) && value > 0) return value
  throw new OptionError(`${option} must be a number above 0, got ${String(value)}.`, { option })
}
