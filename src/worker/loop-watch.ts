import type { Clock, Timer } from '../lib/clock.js'
import { formatMs } from '../lib/duration.js'
import type { Logger } from '../lib/log.js'

export interface LoopWatchOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Who is at work, in words. */
  readonly atWork: () => readonly string[]
}

const everyMs = 500
const reportedMs = 1000

/** Reports an event loop that was held up: meanwhile no heartbeat goes out, and the group may take the partitions away. */
export class LoopWatch {
  readonly #options: LoopWatchOptions
  #timer: Timer | null = null

  constructor(options: LoopWatchOptions) {
    this.#options = options
  }

  start(): void {
    const { clock } = this.#options
    const dueMs = clock.elapsed() + everyMs
    const look = (): void => {
      const delayMs = clock.elapsed() - dueMs
      if (delayMs >= reportedMs) this.#report(delayMs)
      this.start()
    }
    this.#timer = clock.after(everyMs, look, 'background')
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #report(delayMs: number): void {
    const atWork = this.#options.atWork()
    const who = atWork.length > 0 ? ` At work: ${atWork.join(', ')}.` : ''
    const advice = 'Long computations belong into a worker thread, or into pieces with an await between them.'
    const message = `The event loop was held up for ${formatMs(delayMs)}: no heartbeat could be sent.${who} ${advice}`
    this.#options.log.warn({ delayMs: Math.round(delayMs), atWork }, message)
  }
}
