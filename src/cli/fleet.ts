import type { Logger } from '../index.js'
import type { Clock, Timer } from '../lib/clock.js'

/** A child process with a worker in it. */
export interface Child {
  kill(signal: NodeJS.Signals): void
}

/** What becomes of a child process. */
export interface ChildEvents {
  /** Its worker is at work. */
  readonly ready: () => void
  /** It has ended: in words how, or `null` after a clean stop. Called once. */
  readonly ended: (failure: string | null) => void
}

export interface FleetOptions {
  readonly count: number
  /** Starts the worker of that number, counted from 1. */
  readonly launch: (number: number, events: ChildEvents) => Child
  readonly clock: Clock
  readonly log: Logger
}

/** Several workers of one app, each a process of its own: one that dies is started again. */
export class Fleet {
  /** Resolves when all have ended: to 0, or to 1 where one could not start or did not stop cleanly. */
  readonly ended: Promise<number>
  readonly #options: FleetOptions
  readonly #berths: Set<Berth>
  #isStopping = false
  #hasFailed = false
  #resolve: (code: number) => void = () => undefined

  constructor(options: FleetOptions) {
    this.#options = options
    this.#berths = new Set(Array.from({ length: options.count }, (_, index) => new Berth(index + 1)))
    this.ended = new Promise(resolve => (this.#resolve = resolve))
    for (const berth of this.#berths) this.#launch(berth)
  }

  /** Passes a signal on; from now on nothing is started again. */
  stop(signal: NodeJS.Signals): void {
    this.#isStopping = true
    for (const berth of [...this.#berths]) {
      berth.restart?.cancel()
      if (berth.child === null) this.#leave(berth)
      else berth.child.kill(signal)
    }
  }

  #launch(berth: Berth): void {
    const { clock, launch } = this.#options
    berth.readyAt = null
    berth.child = launch(berth.number, {
      ready: () => {
        berth.readyAt = clock.elapsed()
        berth.falseStarts = 0
      },
      ended: failure => this.#ended(berth, failure),
    })
  }

  #ended(berth: Berth, failure: string | null): void {
    berth.child = null
    if (failure === null) return this.#leave(berth)
    if (this.#isStopping) return this.#fail(berth)
    if (berth.readyAt === null && ++berth.falseStarts === startsAtMost) return this.#giveUp(berth, failure)
    this.#restart(berth, failure)
  }

  #restart(berth: Berth, failure: string): void {
    const { clock, log } = this.#options
    const isSteady = berth.readyAt !== null && clock.elapsed() - berth.readyAt >= steadyMs
    berth.deaths = isSteady ? 1 : berth.deaths + 1
    const delayMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (berth.deaths - 1))
    log.warn({ worker: berth.number, restartInMs: delayMs }, `A worker has ended with ${failure}: it is started again`)
    berth.restart = clock.after(delayMs, () => this.#launch(berth), 'service')
  }

  #giveUp(berth: Berth, failure: string): void {
    const { log } = this.#options
    const why = `A worker cannot start: it has ended ${startsAtMost} times before it was at work, the last time with ${failure}`
    log.error({ worker: berth.number }, `${why}. All are stopped; what it has logged says more`)
    this.#fail(berth)
    this.stop('SIGTERM')
  }

  #fail(berth: Berth): void {
    this.#hasFailed = true
    this.#leave(berth)
  }

  #leave(berth: Berth): void {
    this.#berths.delete(berth)
    if (this.#berths.size === 0) this.#resolve(this.#hasFailed ? 1 : 0)
  }
}

/** How often a worker may end before it was ever at work. */
const startsAtMost = 5

const firstWaitMs = 250
const longestWaitMs = 10_000

/** A worker that was at work for so long begins with the first wait again. */
const steadyMs = 10_000

/** The place of one worker, and who has it. */
class Berth {
  readonly number: number
  child: Child | null = null
  /** Monotonic milliseconds; `null` while its worker is not at work yet. */
  readyAt: number | null = null
  restart: Timer | null = null
  falseStarts = 0
  /** How often in a row it has ended soon. */
  deaths = 0

  constructor(number: number) {
    this.number = number
  }
}
