import type { Clock } from './clock.js'
import { Deferred } from './deferred.js'

/** Makes a chain of microtasks give way to sockets and timers: so many events, or so many milliseconds, for a turn of the event loop. */
export class TurnBudget {
  readonly #clock: Clock
  readonly #limits: { events: number; ms: number }
  /** Events that may pass before the next look at the clock. */
  #credit = 0
  /** Events of this turn beyond them. */
  #left: number
  #stride = 1
  #isOpen = false
  #startedMs = 0
  #lookedMs = 0
  #waiting: Deferred<void> | null = null

  constructor(clock: Clock, limits: { events: number; ms: number } = { events: 2048, ms: 5 }) {
    this.#clock = clock
    this.#limits = limits
    this.#left = limits.events
  }

  /** Takes one event's share; false when this turn is used up: wait for `renewed()`. */
  spend(): boolean {
    if (this.#credit === 0) return this.#look()
    this.#credit--
    return true
  }

  /** Resolves in the next turn, when there is a new budget: one promise for all who wait. */
  renewed(): Promise<void> {
    if (!this.#isOpen) this.#open()
    this.#waiting ??= new Deferred()
    return this.#waiting.promise
  }

  #look(): boolean {
    if (!this.#isOpen) this.#open()
    else if (this.#left > 0) this.#pace(this.#clock.elapsed())
    if (this.#left === 0) return false
    const granted = Math.min(this.#stride, this.#left)
    this.#left -= granted
    this.#credit = granted - 1
    return true
  }

  /** The loop itself says when a turn is over, so that idle time and awaited work never count. */
  #open(): void {
    this.#isOpen = true
    this.#stride = 1
    this.#startedMs = this.#lookedMs = this.#clock.elapsed()
    this.#clock.turn(() => this.#renew())
  }

  /** Aims at one look per millisecond, as far as the last events tell. */
  #pace(nowMs: number): void {
    const perMs = Math.floor(this.#stride / (nowMs - this.#lookedMs))
    this.#stride = Math.max(1, Math.min(this.#stride * 2, perMs, 64))
    this.#lookedMs = nowMs
    if (nowMs - this.#startedMs >= this.#limits.ms) this.#left = 0
  }

  #renew(): void {
    const waiting = this.#waiting
    this.#isOpen = false
    this.#waiting = null
    this.#credit = 0
    this.#left = this.#limits.events
    waiting?.resolve()
  }
}
