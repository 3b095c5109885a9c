import { OptionError } from '../errors.js'
import type { Clock } from '../lib/clock.js'
import { toMs, type Duration } from '../lib/duration.js'
import { Ring } from '../lib/ring.js'

/** How failed actors are replaced: made by `oneForOne()` and its kin. */
export interface Supervision {
  readonly strategy: string
}

/** At most `restarts` (100) within `within` (1 s), counted in a real window over time. */
export interface RestartLimits {
  restarts?: number
  within?: Duration
}

type Strategy = 'one-for-one' | 'one-for-all' | 'forfeit-one-for-one' | 'forfeit-one-for-all' | 'crashing'

export interface KnownSupervision {
  readonly strategy: Strategy
  readonly restarts: number
  readonly withinMs: number
  /** Unless a number of restarts was named, only failures with no event in hand count: poison cannot stop the worker. */
  readonly countsAll: boolean
}

/** Replaces the failed actor. The default. Throws `OptionError` for a budget that is none, as its kin do. */
export function oneForOne(budget?: RestartLimits): Supervision {
  return supervision('one-for-one', budget)
}

/** Replaces all actors of the agent, each when it asks for its next event. */
export function oneForAll(budget?: RestartLimits): Supervision {
  return supervision('one-for-all', budget)
}

/** Gives up the failed actor; the worker and its other actors live. */
export function forfeitOneForOne(budget?: RestartLimits): Supervision {
  return supervision('forfeit-one-for-one', budget)
}

/** Gives up all actors of the agent; the worker lives. */
export function forfeitOneForAll(budget?: RestartLimits): Supervision {
  return supervision('forfeit-one-for-all', budget)
}

/** Stops the worker with an `AgentError`. */
export function crashing(): Supervision {
  return supervision('crashing', {})
}

/** Reads a supervision; throws `OptionError` for what none of the functions made. */
export function knownSupervision(given: Supervision | undefined): KnownSupervision {
  const known = (given ?? oneForOne()) as Partial<KnownSupervision>
  if (typeof known.strategy === 'string' && typeof known.withinMs === 'number') return known as KnownSupervision
  throw new OptionError('supervisor must be oneForOne(), oneForAll(), forfeitOneForOne(), forfeitOneForAll() or crashing().', {
    option: 'supervisor',
  })
}

/** Counts restarts in a window that slides with time. */
export class RestartBudget {
  readonly #supervision: KnownSupervision
  readonly #clock: Clock
  readonly #spentAt = new Ring<number>()

  constructor(supervision: KnownSupervision, clock: Clock) {
    this.#supervision = supervision
    this.#clock = clock
  }

  /** False when this restart is one too many. */
  spend(hadEvent: boolean): boolean {
    const { restarts, withinMs, countsAll } = this.#supervision
    if (hadEvent && !countsAll) return true
    const now = this.#clock.now()
    while (this.#spentAt.length > 0 && (this.#spentAt.peek() as number) <= now - withinMs) this.#spentAt.shift()
    if (this.#spentAt.length >= restarts) return false
    this.#spentAt.push(now)
    return true
  }
}

function supervision(strategy: Strategy, budget: RestartLimits = {}): KnownSupervision {
  const { restarts = 100, within = '1s' } = budget
  if (!Number.isInteger(restarts) || restarts < 0) {
    throw new OptionError(`supervisor: restarts must be a whole number, got ${String(restarts)}.`, { option: 'restarts' })
  }
  return { strategy, restarts, withinMs: toMs(within, 'supervisor: within'), countsAll: budget.restarts !== undefined }
}
