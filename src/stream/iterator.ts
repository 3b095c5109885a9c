import type { Delivered } from './delivered.js'
import type { Grip, InHand } from './hands.js'
import type { Held } from './lane.js'
import { Intake, type Reading } from './intake.js'

/** Makes what a loop sees of an event; `null` hands out the bare value. */
export type Shape<Element> = (lot: Delivered, index: number, value: unknown) => Element

/**
 * The outermost iterator of a stream. Asking for the next event settles the last one; nothing is made per event beyond
 * what `for await` itself needs.
 */
export class EventIterator<Element> implements AsyncIterableIterator<Element>, Grip, InHand {
  isAnswered = false
  readonly isWaiting = false
  readonly isManual: boolean
  readonly #reading: Reading
  readonly #intake: Intake
  readonly #shape: Shape<Element> | null
  #isHolding = false
  #isOver = false
  #pending: Promise<IteratorResult<Element>> | null = null

  constructor(reading: Reading, shape: Shape<Element> | null) {
    this.#reading = reading
    this.#intake = new Intake(reading)
    this.#shape = shape
    this.isManual = reading.isManual
    reading.hands.hold(this)
  }

  next(): Promise<IteratorResult<Element>> {
    if (this.#pending !== null) return this.#pending.then(() => this.next())
    if (this.#isHolding) this.#release()
    if (this.#reading.hands.hasLeft) this.#reading.hands.settleLeft()
    try {
      const arrived = this.#intake.advance()
      if (arrived === true) return Promise.resolve(this.#handOver())
      return this.#later(arrived)
    } catch (error) {
      return Promise.reject(this.#failed(error))
    }
  }

  /** `break` and exceptions come here: the event stays in hand. */
  return(value?: unknown): Promise<IteratorResult<Element>> {
    this.#over()
    return Promise.resolve({ value: value as Element, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get lot(): Delivered {
    return this.#intake.lot
  }

  get index(): number {
    return this.#intake.index
  }

  get single(): InHand | null {
    return this.count > 0 ? this : null
  }

  get count(): number {
    return this.#isHolding || this.#intake.isComing ? 1 : 0
  }

  peek(): readonly Held[] {
    return this.count > 0 ? [{ lot: this.lot, index: this.index }] : []
  }

  /** What nobody has seen yet is handed out again, to another loop: this one is over. */
  take(): InHand[] {
    if (this.#intake.isComing) {
      this.#intake.putBack()
      this.#over()
    }
    if (!this.#isHolding) return []
    this.#isHolding = false
    return [{ lot: this.lot, index: this.index, isAnswered: this.isAnswered, isManual: this.isManual }]
  }

  end(): void {
    this.#intake.cancel()
  }

  #handOver(): IteratorResult<Element> {
    this.#isHolding = true
    const { lot, index, value } = this.#intake
    return { value: this.#shape === null ? (value as Element) : this.#shape(lot, index, value), done: false }
  }

  #release(): void {
    this.#isHolding = false
    const { lot, index } = this.#intake
    if (lot.columns.hasHeaders) this.#reading.hands.settle(this)
    else if (!this.isManual) lot.settle(index)
    this.isAnswered = false
  }

  #later(arrived: boolean | Promise<boolean>): Promise<IteratorResult<Element>> {
    const pending = this.#wait(arrived)
    this.#pending = pending
    const clear = (): void => {
      this.#pending = null
    }
    pending.then(clear, clear)
    return pending
  }

  async #wait(first: boolean | Promise<boolean>): Promise<IteratorResult<Element>> {
    let arrived = first
    for (;;) {
      const isHere = typeof arrived === 'boolean' ? arrived : await this.#arrive(arrived)
      if (isHere) return this.#handOver()
      if (this.#intake.isEnded || this.#isOver) return this.#finish()
      await this.#intake.available()
      if (this.#isOver) return this.#finish()
      arrived = this.#advance()
    }
  }

  /** False as well for an event that was put back meanwhile: whatever came of it. */
  async #arrive(coming: Promise<boolean>): Promise<boolean> {
    try {
      const isHere = await coming
      if (!this.#intake.isComing) return false
      this.#intake.isComing = false
      return isHere
    } catch (error) {
      if (!this.#intake.isComing) return false
      throw this.#failed(error)
    }
  }

  #advance(): boolean | Promise<boolean> {
    try {
      return this.#intake.advance()
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /** The event is in hand, and the loop is over: `for await` asks a rejecting iterator for nothing more, not even to end. */
  #failed(error: unknown): unknown {
    this.#intake.isComing = false
    this.#isHolding = true
    this.#reading.hands.fail(this)
    this.#over()
    return error
  }

  #finish(): IteratorResult<Element> {
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
