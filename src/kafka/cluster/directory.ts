import { ClosedError, FaustError, TransportError } from '../../errors.js'
import { exponential, type Backoff } from '../../lib/backoff.js'
import { sleep, type Timer } from '../../lib/clock.js'
import { thrown } from '../../lib/thrown.js'
import type { ConnectionContext } from '../../transport/transport.js'
import type { BrokerConnection } from './broker-connection.js'
import type { Connections } from './connections.js'
import { firstAnswer } from './first-answer.js'
import { Metadata } from './metadata.js'
import type { Versions } from './versions.js'
import type { Api } from '../wire/api.js'
import { metadata as metadataApi } from '../wire/cluster-apis.js'
import type { Endpoint } from '../wire/failures.js'

export interface DirectoryOptions {
  /** Where to ask when no broker is known, or none of them answers. */
  readonly endpoints: readonly Endpoint[]
  /** The cluster's name in errors. */
  readonly place: string
  readonly connections: Connections
  readonly context: ConnectionContext
}

/** Metadata is asked for again at this age, if nobody has had a reason before. */
const oldMs = 5 * 60_000
/** A topic that nobody has asked about for so long is not asked about any more. */
const unwantedMs = 5 * 60_000
/** One broker gets this long, */
const patienceMs = 10_000
/** … and after that another one is asked as well: an answer takes a few milliseconds, the making of a connection a few more. */
const impatientMs = 1000
/** Who asks again after so long a rest need not wait. */
const restMs = 10_000

/** Keeps the metadata true: who the brokers are, which of them leads what. Any broker may be asked. */
export class Directory {
  readonly metadata: Metadata = new Metadata()
  readonly #options: DirectoryOptions
  readonly #pause: Backoff
  readonly #watchers = new Set<() => void>()
  /** When somebody last asked about each topic. */
  readonly #wanted = new Map<string, number>()
  /** Whether topics are wanted that no request has asked about: that is no repetition, and need not wait. */
  #hasNews = false
  #rest = new AbortController()
  #isClosed = false
  #versions: Versions | null = null
  /** One that has not been sent yet: whoever wants one now may share it. */
  #next: Promise<void> | null = null
  #running: Promise<void> = Promise.resolve()
  #askedMs = -Infinity
  #inARow = 0
  #timer: Timer | null = null

  constructor(options: DirectoryOptions) {
    this.#options = options
    this.#pause = exponential({ initialMs: 100, maxMs: 1000, random: options.context.random })
  }

  /** What the broker said that was asked last; `null` before. */
  get versions(): Versions | null {
    return this.#versions
  }

  /** Keeps these topics in the metadata from its next refresh on; returns whether all of them are in it now. */
  want(topics: Iterable<string>): boolean {
    const nowMs = this.#options.context.clock.elapsed()
    let areKnown = true
    for (const topic of topics) {
      this.#hasNews ||= !this.#wanted.has(topic)
      this.#wanted.set(topic, nowMs)
      areKnown &&= this.metadata.topic(topic) !== undefined
    }
    if (this.#hasNews) this.#rest.abort()
    return areKnown
  }

  /**
   * Asks for the metadata anew: what it says afterwards is younger than the call. Calls that come together share a request;
   * those that come in a row wait longer and longer, unless there is a new topic. Rejects with `TransportError` when no broker
   * answers.
   */
  refresh(): Promise<void> {
    return (this.#next ??= this.#refreshSoon())
  }

  /** Runs after every refresh that brought something new; returns how to stop. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => void this.#watchers.delete(changed)
  }

  /** The first answer of any broker, those first that could be reached last time. Rejects with `TransportError` for want of one. */
  async askAny<Args, Answer>(api: Api<Args, Answer>, args: Args, timeoutMs: number): Promise<Answer> {
    const ask = async (connection: BrokerConnection): Promise<Answer> => {
      const answer = await connection.send(api, args, Math.min(timeoutMs, patienceMs))
      this.#versions = connection.versions
      return answer
    }
    const { clock } = this.#options.context
    const isFinal = (error: unknown): boolean => this.#isFinal(error)
    const outcome = await firstAnswer({ clock, candidates: this.#candidates(), ask, impatientMs, isFinal })
    if ('failures' in outcome) throw this.#unreachable(outcome.failures)
    return outcome.answer
  }

  close(): void {
    this.#isClosed = true
    this.#rest.abort()
    this.#timer?.cancel()
    this.#watchers.clear()
  }

  async #refreshSoon(): Promise<void> {
    await this.#running.catch(() => undefined)
    await this.#restAWhile()
    this.#next = null
    this.#askedMs = this.#options.context.clock.elapsed()
    this.#running = this.#ask()
    await this.#running
  }

  async #restAWhile(): Promise<void> {
    const { clock } = this.#options.context
    if (this.#hasNews || this.#isClosed) return
    const restedMs = clock.elapsed() - this.#askedMs
    this.#inARow = restedMs > restMs ? 0 : this.#inARow + 1
    const pauseMs = this.#inARow === 0 ? 0 : this.#pause.delayMs(this.#inARow) - restedMs
    if (pauseMs <= 0) return
    this.#rest = new AbortController()
    await sleep(clock, pauseMs, { kind: 'work', signal: this.#rest.signal })
  }

  async #ask(): Promise<void> {
    if (this.#isClosed) throw new ClosedError(`The connection to ${this.#options.place} is closed.`)
    const answer = await this.askAny(metadataApi, { topics: this.#forgetUnwanted() }, patienceMs)
    if (answer.brokers.length === 0) throw new TransportError(`The cluster ${this.#options.place} names no brokers yet.`)
    if (this.#isClosed) return
    const hasChanged = this.metadata.apply(answer)
    this.#options.connections.retain(this.metadata.brokers)
    this.#scheduleRefresh()
    if (hasChanged) for (const changed of [...this.#watchers]) changed()
  }

  #forgetUnwanted(): { readonly name: string }[] {
    const nowMs = this.#options.context.clock.elapsed()
    this.#hasNews = false
    for (const [topic, wantedMs] of this.#wanted) {
      if (nowMs - wantedMs < unwantedMs) continue
      this.#wanted.delete(topic)
      this.metadata.forget(topic)
    }
    return Array.from(this.#wanted.keys(), name => ({ name }))
  }

  #scheduleRefresh(): void {
    const { clock, random, log } = this.#options.context
    this.#timer?.cancel()
    const again = (): void => {
      this.refresh().catch((error: unknown) => {
        log.debug({}, `The metadata could not be refreshed: ${thrown(error).message}`)
        if (!this.#isClosed) this.#scheduleRefresh()
      })
    }
    this.#timer = clock.after(oldMs * (0.9 + 0.1 * random.next()), again, 'background')
  }

  #candidates(): BrokerConnection[] {
    const { connections, endpoints, context } = this.#options
    const known = Array.from(this.metadata.brokers.values(), broker => connections.to(broker, 'control'))
    // Who has not answered what it was asked before may never do so.
    const chances = new Map(
      known.map(each => [each, each.failures + (each.silentMs >= impatientMs ? 1 : 0) + context.random.next()]),
    )
    known.sort((a, b) => chances.get(a)! - chances.get(b)!)
    const places = new Set(known.map(connection => connection.place))
    const addresses = endpoints.map(endpoint => connections.toAddress(endpoint))
    return [...known, ...addresses.filter(connection => !places.has(connection.place))]
  }

  /** Once they are known to let us in, the certificate or the age of one broker says nothing about the others. */
  #isFinal(error: unknown): boolean {
    const isHere = error instanceof TransportError && this.metadata.brokers.size > 0
    return !isHere && !(error instanceof FaustError && error.retriable)
  }

  #unreachable(failures: readonly FaustError[]): FaustError {
    const [first, ...others] = failures
    if (first !== undefined && (others.length === 0 || failures.every(({ retriable }) => !retriable))) return first
    const reasons = failures.map(failure => failure.message).join(' ')
    return new TransportError(`Cannot reach any broker of ${this.#options.place}. ${reasons}`, { cause: first })
  }
}
