import { ClosedError, type FaustError, TransportError } from '../../errors.js'
import { type Backoff, exponential } from '../../lib/backoff.js'
import type { Clock, Timer, TimerKind } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import type { Logger } from '../../lib/log.js'
import type { Random } from '../../lib/random.js'
import type { ConnectionContext } from '../../transport/transport.js'
import type { Fault, Faults, FaultSite, FaultyOperation } from './faults.js'

/** One request: what it is for, and which faults may strike it. */
export interface Request {
  /** For the error, after "Cannot": `commit the offsets of group "orders"`. */
  readonly what: string
  readonly operation?: FaultyOperation
  readonly topics?: readonly string[]
  readonly groupId?: string
  readonly transactionalId?: string | undefined
  /** What the fault `fence` does at the broker. */
  readonly fence?: () => void
}

/** One connection's way to the broker: every turn, timer and promise of it, and what becomes of them when it ends. */
export class Link {
  readonly clientId: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly faults: Faults | null
  readonly #backoff: Backoff
  readonly #pending = new Set<(refuse: Refuse) => void>()
  readonly #parts = new Map<() => void, () => Promise<void>>()
  readonly #timers = new Set<Timer>()
  readonly #unwatch: () => void
  #queued = 0
  #refuse: Refuse | null = null

  constructor(context: ConnectionContext, faults: Faults | null) {
    this.clientId = context.clientId
    this.clock = context.clock
    this.random = context.random
    this.log = context.log
    this.faults = faults
    this.#backoff = exponential({ initialMs: 100, maxMs: 1000, random: context.random })
    this.#unwatch = context.clock.watch(() => ({ queued: this.#queued, atWork: 0, asking: 0 }))
  }

  get isEnded(): boolean {
    return this.#refuse !== null
  }

  /** Why nothing can be done any more; only of a link that has ended. */
  refusal(what: string): FaustError {
    return (this.#refuse ?? closed(this.clientId))(what)
  }

  /** Asks the broker in the next turn. The answer may come much later; it is a rejection when the connection ends first. */
  call<T>(request: Request, run: (answer: Deferred<T>) => void): Promise<T> {
    const answer = new Deferred<T>()
    if (this.#refuse !== null) answer.reject(this.#refuse(request.what))
    else {
      this.#await(request.what, answer)
      this.turn(() => this.attempt(request, isAnswerLost => settleBy(run, isAnswerLost ? lostAnswer<T>() : answer)))
    }
    return answer.promise
  }

  /** Runs the request at once unless a fault strikes; it may run twice, its first answer being lost. */
  attempt(request: Request, run: (isAnswerLost: boolean) => void, attempt: number = 1): void {
    const fault = request.operation === undefined ? null : this.fault(request.operation, { ...request, attempt })
    if (fault?.kind === 'delay') return void this.after(fault.ms, () => run(false), 'work')
    if (fault?.kind === 'drop') return this.retry(attempt, () => this.attempt(request, run, attempt + 1))
    if (fault?.kind === 'duplicate') {
      run(true)
      return this.retry(attempt, () => this.attempt(request, run, attempt + 1))
    }
    if (fault?.kind === 'fence') request.fence?.()
    run(false)
  }

  fault(operation: FaultyOperation, site: Omit<FaultSite, 'clientId' | 'random' | 'topics'> & Partial<FaultSite>): Fault | null {
    return this.faults?.[operation]?.({ topics: [], ...site, clientId: this.clientId, random: this.random }) ?? null
  }

  retry(attempt: number, run: () => void): void {
    this.after(this.#backoff.delayMs(attempt), run, 'work')
  }

  turn(run: () => void): void {
    this.#queued++
    this.clock.turn(() => {
      this.#queued--
      if (this.#refuse === null) run()
    })
  }

  /** A timer that ends with the link. */
  after(delayMs: number, run: () => void, kind: TimerKind): Timer {
    if (this.#refuse !== null) return { cancel: () => undefined }
    const fire = (): void => {
      this.#timers.delete(timer)
      run()
    }
    const timer = this.clock.after(delayMs, fire, kind)
    this.#timers.add(timer)
    return {
      cancel: () => {
        this.#timers.delete(timer)
        timer.cancel()
      },
    }
  }

  /** Something made from this connection ends with it: at once, or with time for goodbyes. Returns how to forget it. */
  attach(end: () => void, close: () => Promise<void> = () => Promise.resolve(end())): () => void {
    this.#parts.set(end, close)
    return () => void this.#parts.delete(end)
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#parts.values(), close => close()))
    this.#end(closed(this.clientId))
  }

  /** As when the process at this end has crashed. */
  sever(): void {
    this.#end(severed(this.clientId))
  }

  #end(refuse: Refuse): void {
    if (this.#refuse !== null) return
    this.#refuse = refuse
    this.#unwatch()
    for (const timer of this.#timers) timer.cancel()
    for (const end of this.#parts.keys()) end()
    for (const fail of this.#pending) fail(refuse)
    this.#pending.clear()
    this.#parts.clear()
  }

  #await<T>(what: string, answer: Deferred<T>): void {
    const fail = (refuse: Refuse): void => answer.reject(refuse(what))
    const forget = (): void => void this.#pending.delete(fail)
    this.#pending.add(fail)
    answer.promise.then(forget, forget)
  }
}

type Refuse = (what: string) => FaustError

function settleBy<T>(run: (answer: Deferred<T>) => void, answer: Deferred<T>): void {
  try {
    run(answer)
  } catch (error) {
    answer.reject(error)
  }
}

function lostAnswer<T>(): Deferred<T> {
  const answer = new Deferred<T>()
  answer.promise.catch(() => undefined)
  return answer
}

function closed(clientId: string): Refuse {
  return what => new ClosedError(`Cannot ${what}: the connection of "${clientId}" is closed. Connect again.`)
}

function severed(clientId: string): Refuse {
  return what => new TransportError(`Cannot ${what}: the connection of "${clientId}" was lost. Connect again.`)
}
