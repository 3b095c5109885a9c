import { TransportError } from '../../errors.js'
import { type Backoff, exponential } from '../../lib/backoff.js'
import { Deferred } from '../../lib/deferred.js'
import type { ConnectionContext } from '../../transport/transport.js'
import { Lifetime, type Refuse } from '../lifetime.js'
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

/** One connection's way to the broker: what is asked, which faults strike it, and that it is settled when the connection ends. */
export class Link extends Lifetime {
  readonly faults: Faults | null
  readonly #backoff: Backoff
  readonly #pending = new Set<(refuse: Refuse) => void>()

  constructor(context: ConnectionContext, faults: Faults | null) {
    super(context)
    this.faults = faults
    this.#backoff = exponential({ initialMs: 100, maxMs: 1000, random: context.random })
  }

  /** Asks the broker in the next turn. The answer may come much later; it is a rejection when the connection ends first. */
  call<T>(request: Request, run: (answer: Deferred<T>) => void): Promise<T> {
    const answer = new Deferred<T>()
    if (this.isEnded) answer.reject(this.refusal(request.what))
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

  /** As when the process at this end has crashed. */
  sever(): void {
    this.end(severed(this.clientId))
  }

  override end(refuse: Refuse): void {
    if (this.isEnded) return
    super.end(refuse)
    for (const fail of this.#pending) fail(refuse)
    this.#pending.clear()
  }

  #await<T>(what: string, answer: Deferred<T>): void {
    const fail = (refuse: Refuse): void => answer.reject(refuse(what))
    const forget = (): void => void this.#pending.delete(fail)
    this.#pending.add(fail)
    answer.promise.then(forget, forget)
  }
}

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

function severed(clientId: string): Refuse {
  return what => new TransportError(`Cannot ${what}: the connection of "${clientId}" was lost. Connect again.`)
}
