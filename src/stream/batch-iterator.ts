import type { Clock, Timer } from '../lib/clock.js'
import type { Tenure } from './delivered.js'
import type { Grip, InHand } from './hands.js'
import type { Held } from './lane.js'
import { Intake, type Reading } from './intake.js'

export interface BatchLimits {
  readonly max: number
  readonly withinMs: number
  readonly clock: Clock
}

/**
 * Gathers events into arrays. It asks for nothing while a body runs, so a batch is never larger than asked for and a loop
 * that is left loses nothing; the time counts from the batch's first event.
 */
export class BatchIterator implements AsyncIterableIterator<unknown[]>, Grip {
  readonly single: InHand | null = null
  readonly #reading: Reading
  readonly #intake: Intake
  readonly #limits: BatchLimits
  /** Gathered, or given out: which of the two tells `#isGathering`. */
  #held: InHand[] = []
  #values: unknown[] = []
  readonly #tenures = new Set<Tenure>()
  /** An operator is at work on the event after those held, or has failed on it. */
  #coming: Promise<boolean> | null = null
  #pending: Promise<IteratorResult<unknown[]>> | null = null
  #timer: Timer | null = null
  #onDue: () => void = () => undefined
  #isGathering = false
  #isDue = false
  #isOver = false

  constructor(reading: Reading, limits: BatchLimits) {
    this.#reading = reading
    this.#intake = new Intake(reading)
    this.#limits = limits
    reading.hands.hold(this)
  }

  next(): Promise<IteratorResult<unknown[]>> {
    if (this.#pending !== null) return this.#pending.then(() => this.next())
    const pending = this.#gather()
    this.#pending = pending
    const clear = (): void => {
      this.#pending = null
    }
    pending.then(clear, clear)
    return pending
  }

  return(value?: unknown): Promise<IteratorResult<unknown[]>> {
    this.#over()
    return Promise.resolve({ value: value as unknown[], done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get count(): number {
    return this.#held.length + (this.#coming === null ? 0 : 1)
  }

  get isWaiting(): boolean {
    return this.#isGathering && this.#coming === null
  }

  peek(): readonly Held[] {
    return this.#coming === null ? this.#held : [...this.#held, this.#place()]
  }

  /** What nobody has seen yet is handed out again, to another loop: this one is over. */
  take(): InHand[] {
    const held = this.#isGathering ? [] : this.#held
    const unseen = this.#isGathering ? this.#held : []
    if (this.#intake.isComing) unseen.push(this.#place())
    this.#intake.isComing = false
    this.#empty()
    this.#coming = null
    for (const event of unseen) event.lot.returns?.putBack([event])
    if (unseen.length > 0) this.#over()
    return held
  }

  end(): void {
    this.#intake.cancel()
  }

  async #gather(): Promise<IteratorResult<unknown[]>> {
    for (const held of this.#held) this.#reading.hands.settle(held)
    this.#empty()
    if (this.#reading.hands.hasLeft) this.#reading.hands.settleLeft()
    this.#isGathering = true
    try {
      while (!this.#isFull()) {
        const wait = this.#take()
        if (wait !== null) await wait
      }
    } catch (error) {
      this.#isGathering = false
      this.#reading.hands.fail(this)
      this.#over()
      throw error
    } finally {
      this.#timer?.cancel()
      this.#isGathering = false
    }
    if (this.#values.length === 0) return this.#finish()
    return { value: this.#values, done: false }
  }

  /** Full, due, or given out early: the stream ends, or a partition that the batch holds events of is to go. */
  #isFull(): boolean {
    if (this.#held.length >= this.#limits.max || this.#intake.isEnded || this.#isOver) return true
    if (this.#held.length === 0) return false
    if (this.#isDue) return true
    for (const tenure of this.#tenures) if (tenure.isLeaving) return true
    return false
  }

  /** Takes one event, or answers what there is to wait for. */
  #take(): Promise<void> | null {
    const arrived = this.#coming ?? this.#advance()
    if (arrived === false) return this.#intake.available()
    if (arrived !== true) return this.#await(arrived)
    this.#add()
    return null
  }

  #advance(): boolean | Promise<boolean> {
    try {
      return this.#intake.advance()
    } catch (error) {
      this.#intake.isComing = true
      return Promise.reject(error)
    }
  }

  /** What an operator throws comes after what was gathered before; nor does a batch that is due wait for it. */
  async #await(coming: Promise<boolean>): Promise<void> {
    this.#coming = coming
    const isFirst = this.#held.length === 0
    if (isFirst || (await this.#isInTime(coming))) return await this.#arrive(coming)
    this.#isDue = true
  }

  #isInTime(coming: Promise<boolean>): Promise<boolean> {
    const due = new Promise<boolean>(resolve => (this.#onDue = () => resolve(false)))
    const arrived = coming.then(
      () => true,
      () => false,
    )
    return Promise.race([arrived, due])
  }

  async #arrive(coming: Promise<boolean>): Promise<void> {
    try {
      const isHere = await coming
      // It may have been given back meanwhile.
      if (this.#coming !== coming) return
      this.#coming = null
      this.#intake.isComing = false
      if (isHere) this.#add()
    } catch (error) {
      if (this.#coming !== coming) return
      this.#coming = null
      this.#intake.isComing = false
      this.#held.push(this.#place())
      throw error
    }
  }

  #add(): void {
    if (this.#held.length === 0) this.#startTimer()
    this.#held.push(this.#place())
    this.#values.push(this.#intake.value)
    this.#tenures.add(this.#intake.lot.tenure)
  }

  #place(): InHand {
    const { lot, index } = this.#intake
    return { lot, index, isAnswered: false, isManual: this.#reading.isManual }
  }

  #startTimer(): void {
    const due = (): void => {
      this.#isDue = true
      this.#onDue()
      this.#intake.cancel()
    }
    this.#timer = this.#limits.clock.after(this.#limits.withinMs, due, 'work')
  }

  #empty(): void {
    this.#timer?.cancel()
    this.#held = []
    this.#values = []
    this.#tenures.clear()
    this.#isDue = false
  }

  #finish(): IteratorResult<unknown[]> {
    this.#over()
    return { value: undefined, done: true }
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reading.hands.leave(this)
    this.#intake.stop()
    this.#reading.queue.wake()
  }
}
