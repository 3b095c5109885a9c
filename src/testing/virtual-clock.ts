import { type Activity, type Clock, nextTurn, systemClock, type Timer, type TimerKind } from '../lib/clock.js'
import { type Duration, toMs } from '../lib/duration.js'
import { TimerHeap, type VirtualTimer } from './timer-heap.js'

/** A clock that stands still until it is told to advance; starts at 2025-01-01T00:00:00Z unless told otherwise. */
export function virtualClock(options: { start?: number | Date } = {}): VirtualClock {
  return new VirtualClock(options)
}

/** Time as a test wants it. Only `turn` is real: the event loop's own next turn. */
export class VirtualClock implements Clock {
  readonly #startMs: number
  readonly #timers = new TimerHeap()
  readonly #probes = new Map<() => Activity, (untilMs: number) => void>()
  #nowMs: number
  #sequence = 0
  #workCount = 0
  #advancing: Promise<void> = Promise.resolve()

  constructor({ start = Date.UTC(2025, 0) }: { start?: number | Date } = {}) {
    this.#startMs = this.#nowMs = Number(start)
  }

  now(): number {
    return this.#nowMs
  }

  elapsed(): number {
    return this.#nowMs - this.#startMs
  }

  after(delayMs: number, run: () => void, kind: TimerKind): Timer {
    // Wall time is whole milliseconds.
    const atMs = this.#nowMs + Math.max(0, Math.ceil(delayMs))
    const timer: VirtualTimer = { atMs, sequence: ++this.#sequence, run, isWork: kind === 'work', place: -1 }
    this.#timers.push(timer)
    if (timer.isWork) this.#workCount++
    return { cancel: () => this.#remove(timer) }
  }

  turn(run: () => void): void {
    systemClock.turn(run)
  }

  /** `giveUp` runs when nothing is left that could answer what somebody asks. */
  watch(probe: () => Activity, giveUp: (untilMs: number) => void = () => undefined): () => void {
    // A function of its own, so that the same probe may watch twice.
    const own = (): Activity => probe()
    this.#probes.set(own, giveUp)
    return () => void this.#probes.delete(own)
  }

  /** What all components have going on. */
  activity(): Activity {
    let [queued, atWork, asking] = [0, 0, 0]
    for (const probe of this.#probes.keys()) {
      const activity = probe()
      queued += activity.queued
      atWork += activity.atWork
      asking += activity.asking
    }
    return { queued, atWork, asking }
  }

  /** Whether work waits for time to pass. */
  get hasWork(): boolean {
    return this.#workCount > 0
  }

  /** Tells every component to give up what would be given up next, as time would. */
  giveUp(): void {
    const untilMs = Math.min(...Array.from(this.#probes.keys(), probe => probe().nextDeadline ?? Infinity))
    for (const giveUp of [...this.#probes.values()]) giveUp(untilMs)
  }

  /** Resolves when nothing is queued or at work, and has not been for some turns of the event loop. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < quietTurns;) {
      await nextTurn(systemClock)
      const { queued, atWork } = this.activity()
      quiet = queued === 0 && atWork === 0 ? quiet + 1 : 0
    }
  }

  /** Lets time pass: timers that are due run one instant after the other, each when all is quiet. */
  advance(by: Duration): Promise<void> {
    const ms = toMs(by, 'by')
    const advanced = this.#advancing.then(() => this.#pass(ms))
    this.#advancing = advanced.catch(() => undefined)
    return advanced
  }

  /** Lets time pass at once, whether or not anything is at work; what is due runs in order. */
  skip(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#timers.peek(); next !== undefined && next.atMs <= untilMs; next = this.#timers.peek()) {
      this.#nowMs = next.atMs
      this.#fire(this.#sequence)
    }
    this.#nowMs = untilMs
  }

  async #pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await this.settled()
    for (let next = this.#timers.peek(); next !== undefined && next.atMs <= untilMs; next = this.#timers.peek()) {
      this.#nowMs = next.atMs
      this.#fire(this.#sequence)
      await this.settled()
    }
    this.#nowMs = untilMs
  }

  /** Runs what is due at this instant and was set before; what it sets for the same instant comes next. */
  #fire(lastSequence: number): void {
    for (;;) {
      const timer = this.#timers.peek()
      if (timer === undefined || timer.atMs > this.#nowMs || timer.sequence > lastSequence) return
      this.#remove(timer)
      timer.run()
    }
  }

  #remove(timer: VirtualTimer): void {
    if (!this.#timers.remove(timer)) return
    if (timer.isWork) this.#workCount--
  }
}

/** A chain of turns that no probe knows about may be this long. */
const quietTurns = 4
