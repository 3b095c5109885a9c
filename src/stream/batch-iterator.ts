import type { Clock, Timer } from '../lib/clock.js'
import type { Grip, InHand } from './hands.js'
import type { Held } from './lane.js'
import { Intake, type Reading } from './intake.js'

export interface BatchLimits {
  readonly max: number
  readonly withinMs: number
  readonly clock: Clock
}

/**
 * Gathers events into arrays. It takes nothing while a body runs, so a batch is never larger than asked for and a loop
 * that is left loses nothing; the time counts from the batch's first event.
 */
export class BatchIterator implements AsyncIterableIterator<unknown[]>, Grip {
  readonly single: InHand | null = null
  readonly #reading: Reading
  readonly #intake: Intake
  readonly #limits: BatchLimits
  #held: InHand[] = []
  #values: unknown[] = []
  #isGathering = false
  #isDue = false
  #isOver = false
  #operator = 0

  constructor(reading: Reading, limits: BatchLimits) {
    this.#reading = reading
    this.#intake = new Intake(reading)
    this.#limits = limits
    reading.hands.hold(this)
  }

  async next(): Promise<IteratorResult<unknown[]>> {
    this.#settle()
    if (this.#reading.hands.hasLeft) this.#reading.hands.settleLeft()
    this.#isGathering = true
    let timer: Timer | null = null
    try {
      while (!this.#isFull()) {
        if (this.#held.length > 0 && timer === null) timer = this.#startTimer()
        await this.#take()
      }
    } finally {
      timer?.cancel()
      this.#isGathering = false
    }
    if (this.#values.length === 0) return this.#finish()
    return { value: this.#values, done: false }
  }

  return(value?: unknown): Promise<IteratorResult<unknown[]>> {
    this.#over()
    return Promise.resolve({ value: value as unknown[], done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get count(): number {
    return this.#held.length + this.#operator
  }

  get isWaiting(): boolean {
    return this.#isGathering && this.#operator === 0
  }

  peek(): readonly Held[] {
    return this.#held
  }

  take(): InHand[] {
    const held = this.#held
    this.#held = []
    this.#values = []
    return held
  }

  end(): void {
    this.#intake.cancel()
  }

  /** Full, due, or given out early: the stream ends, or a partition that the batch holds events of is to go. */
  #isFull(): boolean {
    if (this.#held.length >= this.#limits.max || this.#intake.isEnded || this.#isOver) return true
    return this.#held.length > 0 && (this.#isDue || this.#held.some(held => held.lot.tenure.isLeaving))
  }

  async #take(): Promise<void> {
    const arrived = this.#advance()
    if (arrived === false) return await this.#intake.available()
    if (arrived instanceof Promise && !(await this.#operating(arrived))) return
    this.#hold()
    this.#values.push(this.#intake.value)
  }

  #advance(): boolean | Promise<boolean> {
    try {
      return this.#intake.advance()
    } catch (error) {
      this.#hold()
      throw error
    }
  }

  async #operating(arrived: Promise<boolean>): Promise<boolean> {
    this.#operator = 1
    try {
      return await arrived
    } catch (error) {
      this.#hold()
      throw error
    } finally {
      this.#operator = 0
    }
  }

  #hold(): void {
    this.#held.push({ lot: this.#intake.lot, index: this.#intake.index, isAnswered: false })
  }

  #startTimer(): Timer {
    this.#isDue = false
    const due = (): void => {
      this.#isDue = true
      this.#intake.cancel()
    }
    return this.#limits.clock.after(this.#limits.withinMs, due, 'work')
  }

  #settle(): void {
    this.#isDue = false
    for (const held of this.take()) if (!this.#reading.isManual) this.#reading.hands.settle(held)
  }

  #finish(): IteratorResult<unknown[]> {
    this.#over()
    return { value: undefined, done: true }
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reading.hands.leave(this)
    this.#intake.cancel()
    this.#reading.queue.wake()
  }
}
