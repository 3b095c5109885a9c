import type { TurnBudget } from '../lib/turn.js'
import { halting, unreadable, type Delivered } from './delivered.js'
import type { Hands } from './hands.js'
import type { Cursor } from './lane.js'
import type { StreamQueue, Waiter } from './queue.js'
import { dropped, givenBack, runStages, type Place, type Stage } from './stage.js'

/** Closed while the producer's buffer is full: no event is handed out that would send more. */
export interface Gate {
  readonly isFull: boolean
  drained(): Promise<void>
}

/** How one stream is read. */
export interface Reading {
  readonly queue: StreamQueue
  readonly hands: Hands
  readonly stages: readonly Stage[]
  /** After `noack()`: handing over settles nothing. */
  readonly isManual: boolean
  readonly turn: TurnBudget
  readonly gate: Gate
}

/** Takes events from a queue through the operators, one at a time; the inner half of every iterator. */
export class Intake implements Cursor, Waiter, Place {
  lot!: Delivered
  index = 0
  value: unknown = undefined
  readonly queue: StreamQueue
  readonly hands: Hands
  /**
   * An operator is at work on the event, or its loop has not seen yet what came of that. Whoever puts the event back clears
   * it: what the operator makes of it is nobody's business then.
   */
  isComing = false
  readonly #turn: TurnBudget
  readonly #gate: Gate
  readonly #stages: readonly Stage[] | null
  #woken: (() => void) | null = null
  #hasSpent = true
  #isHalted = false

  constructor(reading: Reading) {
    this.queue = reading.queue
    this.hands = reading.hands
    this.#turn = reading.turn
    this.#gate = reading.gate
    this.#stages = reading.stages.length > 0 ? reading.stages : null
  }

  get isEnded(): boolean {
    return this.hands.isEnded || this.queue.isClosed
  }

  /** True: the next event is here. False: not now, see `available`. A promise: an operator is at work on one. */
  advance(): boolean | Promise<boolean> {
    for (;;) {
      if (this.#isHalted || this.hands.isEnded) return false
      this.#hasSpent = !this.#turn.spend()
      if (this.#hasSpent || this.#gate.isFull || !this.queue.take(this)) return false
      const value = this.lot.values[this.index]
      if (this.#stages === null && !this.lot.columns.isOdd) {
        this.value = value
        return true
      }
      if (value === halting) return this.#halt()
      const made = this.#make(value)
      if (made instanceof Promise) {
        this.isComing = true
        return this.#finish(made)
      }
      if (made !== dropped) {
        this.value = made
        return true
      }
      this.#drop()
    }
  }

  /** Resolves when `advance` may have something, or the stream has ended. */
  available(): Promise<void> {
    if (this.isEnded) return Promise.resolve()
    if (this.#hasSpent) return this.#turn.renewed()
    if (this.#gate.isFull) return this.#gate.drained()
    if (this.queue.hasEvents && !this.#isHalted) return Promise.resolve()
    return new Promise(resolve => {
      this.#woken = resolve
      this.queue.wait(this)
    })
  }

  wake(): void {
    const woken = this.#woken
    this.#woken = null
    woken?.()
  }

  /** Has the event that is coming handed out to another loop; this one must take nothing any more. */
  putBack(): void {
    this.isComing = false
    this.lot.returns?.putBack([{ lot: this.lot, index: this.index }])
  }

  /** Takes nothing any more. */
  stop(): void {
    this.#isHalted = true
    this.cancel()
  }

  /** Stops waiting. */
  cancel(): void {
    if (this.#woken === null) return
    this.queue.cancel(this)
    this.wake()
  }

  #make(value: unknown): unknown {
    if (value instanceof Promise) return value.then(decoded => this.#make(decoded))
    if (value === unreadable) return dropped
    if (value === halting) return halting
    return this.#stages === null ? value : runStages(this.#stages, value, this)
  }

  async #finish(making: Promise<unknown>): Promise<boolean> {
    const made = await making
    if (!this.isComing) return false
    if (made === halting) return this.#halt()
    if (made === givenBack) return this.#giveBack()
    if (made === dropped) {
      this.#drop()
      const next = this.advance()
      if (next === false) this.isComing = false
      return next
    }
    this.value = made
    return true
  }

  /** The worker is about to stop: this event is in nobody's hands and never settles. */
  #halt(): boolean {
    this.#isHalted = true
    this.isComing = false
    this.lot.giveBack(this.index)
    return false
  }

  #giveBack(): boolean {
    this.putBack()
    this.queue.wake()
    return false
  }

  #drop(): void {
    this.hands.settle({ lot: this.lot, index: this.index, isAnswered: false, isManual: false })
  }
}
