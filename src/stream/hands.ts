import { ClosedError } from '../errors.js'
import type { Held } from './lane.js'

/** Loops that may be started after the end. */
const patience = 100

/** An event in hand as the one who works on it sees it: it may be a request that wants one answer. */
export interface InHand extends Held {
  isAnswered: boolean
  /** After `noack()`: it settles when its reader says so, not when the next is asked for. */
  readonly isManual: boolean
}

/** One loop's hold of its events. */
export interface Grip {
  /** The one event in hand, or `null`: none, or a batch. */
  readonly single: InHand | null
  readonly count: number
  /** Whether it waits for the clock with events in hand (a batch that is not full yet). */
  readonly isWaiting: boolean
  /** What it has in hand. */
  peek(): readonly Held[]
  /** Lets go of its events without settling them. */
  take(): InHand[]
  /** The loop's next request is answered with the end of the stream. */
  end(): void
}

/**
 * What one reader (an actor, a task, a plain loop) has in hand. A second loop takes over from one that was left by
 * `break`; a batch is several at once.
 */
export class Hands {
  isEnded = false
  /** Asks that whoever reads here waits for: meanwhile it is not at work. */
  asking = 0
  /** How many operators wait for the clock. */
  clockWaits = 0
  /** Whether a loop was ever started. */
  hasRead = false
  readonly #grips: Grip[] = []
  #left: InHand[] = []
  /** What loops failed on, while nobody has caught that yet by starting another: a loop beside them must not settle it. */
  #failed: InHand[] = []
  #lateLoops = 0
  readonly #ending = new AbortController()
  readonly #onUnanswered: ((held: Held) => void) | null

  /** `onUnanswered` hears of each event with headers that settled without an answer. */
  constructor(onUnanswered: ((held: Held) => void) | null = null) {
    this.#onUnanswered = onUnanswered
  }

  /** Throws `ClosedError` for a body that starts loop after loop on a stream that has ended: it would never let go. */
  hold(grip: Grip): void {
    if (this.isEnded && ++this.#lateLoops > patience) {
      throw new ClosedError('This stream has ended: nothing comes any more. Let the function return when its loop ends.')
    }
    this.hasRead = true
    this.#left.push(...this.#failed.splice(0))
    this.#grips.push(grip)
  }

  /** The loop is over; what it had in hand still is, until somebody asks for more. */
  leave(grip: Grip): void {
    this.#remove(grip)
    this.#left.push(...grip.take())
  }

  /** The loop is over by a failure of its stream: what it had in hand still is, until another loop is started. */
  fail(grip: Grip): void {
    this.#remove(grip)
    this.#failed.push(...grip.take())
  }

  get hasLeft(): boolean {
    return this.#left.length > 0
  }

  /** Settles what earlier loops had in hand when they were left. */
  settleLeft(): void {
    const left = this.#left
    this.#left = []
    for (const held of left) this.settle(held)
  }

  /** What earlier loops had in hand stays unsettled, and nobody waits for it. */
  abandonLeft(): void {
    for (const { lot, index } of this.#takeBehind()) lot.giveBack(index)
  }

  /** Its reader has done with it. */
  settle(held: InHand): void {
    if (!held.isManual) held.lot.settle(held.index)
    if (held.lot.columns.hasHeaders && !held.isAnswered) this.#onUnanswered?.(held)
  }

  /** The only event in hand, if there is exactly one. */
  get current(): InHand | null {
    if (this.#grips.length === 1 && this.#behind === 0) return this.#grips[0]?.single ?? null
    const held = [...this.#grips.flatMap(grip => grip.single ?? []), ...this.#left, ...this.#failed]
    const count = this.#grips.reduce((sum, grip) => sum + grip.count, this.#behind)
    return count === 1 ? (held[0] ?? null) : null
  }

  get count(): number {
    let count = this.#behind
    for (const grip of this.#grips) count += grip.count
    return count
  }

  get isAtWork(): boolean {
    return this.count > 0 && this.asking === 0 && this.clockWaits === 0 && !this.#grips.some(grip => grip.isWaiting)
  }

  /** Whether a loop works on something: what one was left with is nobody's work where no body goes on. */
  get isLooping(): boolean {
    return this.isAtWork && this.count > this.#behind
  }

  /** Everything in hand; it stays there. */
  peek(): readonly Held[] {
    return [...this.#left, ...this.#failed, ...this.#grips.flatMap(grip => grip.peek())]
  }

  /** Everything in hand, in the order it was handed out; the hands are empty afterwards. */
  take(): InHand[] {
    // A loop that has to put something back is over, and goes.
    return [...this.#takeBehind(), ...[...this.#grips].flatMap(grip => grip.take())]
  }

  /** The function has ended: its events are done. */
  settleAll(): void {
    for (const held of this.take()) this.settle(held)
  }

  /** No further event: every loop ends at its next request. */
  end(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.#ending.abort()
    for (const grip of [...this.#grips]) grip.end()
  }

  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** How many events loops that are over had in hand. */
  get #behind(): number {
    return this.#left.length + this.#failed.length
  }

  #takeBehind(): InHand[] {
    const behind = [...this.#left, ...this.#failed]
    this.#left = []
    this.#failed = []
    return behind
  }

  #remove(grip: Grip): void {
    const at = this.#grips.indexOf(grip)
    if (at >= 0) this.#grips.splice(at, 1)
  }
}
