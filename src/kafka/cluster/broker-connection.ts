import { ClosedError, TransportError, type FaustError } from '../../errors.js'
import { exponential, type Backoff } from '../../lib/backoff.js'
import { sleep, type Timer } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import { thrown } from '../../lib/thrown.js'
import { openSession, type ConnectionSettings, type Session } from './session.js'
import type { Versions } from './versions.js'
import type { Wire } from '../wire.js'
import type { AnyApi, Api } from '../wire/api.js'
import { placeOf, type Endpoint } from '../wire/failures.js'

/**
 * One connection to one broker for one purpose: requests go out in the order of their calls and are answered in that order.
 * It opens when somebody has a request, again when it was lost, and anew before the broker ends its session; it never repeats
 * a request. Every promise settles: with an answer, at its deadline, or when the connection is lost or closed.
 */
export class BrokerConnection {
  /** Where it goes, for logs and errors. */
  readonly place: string
  readonly #endpoint: Endpoint
  readonly #settings: ConnectionSettings
  readonly #backoff: Backoff
  readonly #closing = new AbortController()
  /** In the order of their calls: not sent yet. */
  readonly #waiting: Call[] = []
  /** Sent, and not answered. */
  readonly #pending = new Set<Call>()
  /** What those hear who use it after its end. */
  #end: FaustError | null = null
  #session: Session | null = null
  #versions: Versions | null = null
  #isOpening = false
  #failures = 0

  constructor(endpoint: Endpoint, settings: ConnectionSettings) {
    this.place = placeOf(endpoint)
    this.#endpoint = endpoint
    this.#settings = settings
    this.#backoff = exponential({ initialMs: 100, maxMs: 1000, random: settings.context.random })
  }

  /** How often it could not be opened since it last was. */
  get failures(): number {
    return this.#failures
  }

  /** How long the oldest request that has no answer has been waiting for one, in milliseconds; 0 when there is none. */
  get silentMs(): number {
    const [oldest = this.#waiting[0]] = this.#pending
    return oldest === undefined ? 0 : this.#settings.context.clock.elapsed() - oldest.calledMs
  }

  get isOpen(): boolean {
    return this.#session !== null
  }

  /** What the broker said when the connection was last opened; `null` before. */
  get versions(): Versions | null {
    return this.#versions
  }

  /**
   * Rejects with `TransportError` when there is no answer within `timeoutMs` (if the request was sent, the connection ends
   * then, and with it whatever else waits for an answer on it), when the connection is lost or cannot be made, and for what
   * the broker does not understand; with `ClosedError` once closed.
   */
  send<Args, Answer>(api: Api<Args, Answer>, args: Args, timeoutMs: number): Promise<Answer> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#end ?? this.#closedError(api))
    const answer = new Deferred<Answer>()
    const { clock } = this.#settings.context
    const call: Call = {
      api,
      calledMs: clock.elapsed(),
      put: async wire => answer.resolve(await wire.request(api, args)),
      fail: error => answer.reject(error),
      timer: clock.after(timeoutMs, () => this.#onLate(call, timeoutMs), 'background'),
    }
    this.#waiting.push(call)
    this.#advance()
    return answer.promise
  }

  /** What is under way fails with `why`, and what comes later goes on another connection. */
  abandon(why: TransportError): void {
    for (const call of [...this.#waiting]) this.#fail(call, why)
    this.#onLost(why)
  }

  /** Ends it at once: what is under way fails, and what comes later, with `why` or with `ClosedError`. */
  close(why: FaustError | null = null): void {
    if (this.#closing.signal.aborted) return
    this.#end = why
    this.#closing.abort()
    this.#drop()
    for (const call of [...this.#pending, ...this.#waiting]) this.#fail(call, why ?? this.#closedError(call.api))
  }

  /** Sends what may be sent, and opens what has to be open for it. */
  #advance(): void {
    if (this.#waiting.length === 0 || this.#isOpening) return
    const session = this.#session
    if (session === null) {
      void this.#open()
    } else if (this.#settings.context.clock.elapsed() < session.endsAtMs) {
      for (const call of this.#waiting.splice(0)) void this.#put(call, session)
    } else if (this.#pending.size === 0) {
      // Not before, or what is sent on the next connection could overtake what is under way on this one.
      this.#drop()
      void this.#open()
    }
  }

  async #put(call: Call, session: Session): Promise<void> {
    try {
      session.versions.require([call.api])
    } catch (error) {
      return this.#fail(call, error)
    }
    this.#pending.add(call)
    try {
      await call.put(session.wire)
    } catch (error) {
      call.fail(error)
      if (error instanceof TransportError && session === this.#session) this.#onLost(error)
    }
    this.#forget(call)
    this.#advance()
  }

  async #open(): Promise<void> {
    this.#isOpening = true
    try {
      await this.#pause()
      if (this.#waiting.length > 0) this.#onOpen(await this.#openSession())
    } catch (error) {
      this.#onUnopened(error)
    }
    this.#isOpening = false
    this.#advance()
  }

  /** After a failure the next attempt waits, whoever it is for. */
  async #pause(): Promise<void> {
    if (this.#failures === 0) return
    const { clock } = this.#settings.context
    await sleep(clock, this.#backoff.delayMs(this.#failures), { kind: 'work', signal: this.#closing.signal })
  }

  #openSession(): Promise<Session> {
    const onLost = (why: TransportError): void => this.#onLost(why)
    return openSession(this.#endpoint, this.#settings, { signal: this.#closing.signal, onLost })
  }

  #onOpen(session: Session): void {
    const { log } = this.#settings.context
    if (this.#closing.signal.aborted) return session.wire.destroy()
    if (this.#failures > 0) log.info({ broker: this.place }, 'The broker can be reached again.')
    this.#failures = 0
    this.#session = session
    this.#versions = session.versions
  }

  #onUnopened(error: unknown): void {
    const { log } = this.#settings.context
    const level = this.#failures++ === 0 && !this.#closing.signal.aborted ? 'warn' : 'debug'
    log[level]({ broker: this.place, failures: this.#failures }, thrown(error).message)
    for (const call of [...this.#waiting]) this.#fail(call, error)
  }

  #onLate(call: Call, timeoutMs: number): void {
    const wasSent = this.#pending.has(call)
    const why = new TransportError(
      `The broker at ${this.place} has not answered ${call.api.name} within ${timeoutMs} ms${wasSent ? '' : ': the request could not be sent'}. Look whether it runs and keeps up.`,
    )
    this.#fail(call, why)
    // Its answer could still come, and would be taken for another's.
    if (wasSent) this.#onLost(why)
  }

  #onLost(why: TransportError): void {
    const { log } = this.#settings.context
    log.debug({ broker: this.place, pending: this.#pending.size }, `The connection is lost: ${why.message}`)
    this.#drop()
    for (const call of [...this.#pending]) {
      const message = `${call.api.name} got no answer. ${why.message}`
      // Whether what ended it is final turns out when it is opened again.
      this.#fail(call, new TransportError(message, { cause: why }))
    }
    this.#advance()
  }

  #drop(): void {
    this.#session?.wire.destroy()
    this.#session = null
  }

  #fail(call: Call, error: unknown): void {
    this.#forget(call)
    call.fail(error)
  }

  #forget(call: Call): void {
    call.timer.cancel()
    this.#pending.delete(call)
    const place = this.#waiting.indexOf(call)
    if (place >= 0) this.#waiting.splice(place, 1)
  }

  #closedError(api: AnyApi): ClosedError {
    return new ClosedError(`Cannot send ${api.name} to the broker at ${this.place}: the connection is closed.`)
  }
}

/** A request from its call until it is settled. */
interface Call {
  readonly api: AnyApi
  /** On the monotonic clock. */
  readonly calledMs: number
  readonly put: (wire: Wire) => Promise<void>
  readonly fail: (error: unknown) => void
  readonly timer: Timer
}
