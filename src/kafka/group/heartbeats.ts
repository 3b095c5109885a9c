import type { Clock, Timer } from '../../lib/clock.js'

export interface HeartbeatOptions {
  readonly clock: Clock
  readonly sessionTimeoutMs: number
  /** Sends one; never rejects. The next one waits for it. */
  readonly beat: () => Promise<void>
  /** For so long has the coordinator not been heard of that the session may have ended. */
  readonly onExpired: () => void
}

/** Lets the coordinator hear of a member at regular times, and knows until when the member may rely on that. */
export class Heartbeats {
  readonly #options: HeartbeatOptions
  #next: Timer | null = null
  /** Ends when the session may have ended at the coordinator, and no later. */
  #lease: Timer | null = null
  #heardMs = -Infinity
  #isBeating = false

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  /** Does nothing where it has been started. */
  start(): void {
    if (this.#next !== null) return
    this.#schedule()
    this.extend(this.#options.clock.elapsed())
  }

  /** The coordinator has heard of the member at this time or later; an answer may come after one to something younger. */
  extend(heardMs: number): void {
    if (this.#next === null || heardMs < this.#heardMs) return
    this.#heardMs = heardMs
    const { clock, sessionTimeoutMs, onExpired } = this.#options
    this.#lease?.cancel()
    this.#lease = clock.after(Math.max(0, heardMs + sessionTimeoutMs - clock.elapsed()), onExpired, 'background')
  }

  stop(): void {
    this.#next?.cancel()
    this.#lease?.cancel()
    this.#next = null
    this.#isBeating = false
  }

  #schedule(): void {
    const { clock, sessionTimeoutMs } = this.#options
    this.#next = clock.after(Math.min(sessionTimeoutMs / 3, longestMs), () => this.#run(), 'background')
  }

  #run(): void {
    this.#schedule()
    if (!this.#isBeating) void this.#beat()
  }

  async #beat(): Promise<void> {
    this.#isBeating = true
    await this.#options.beat()
    this.#isBeating = false
  }
}

/** Only the answer to a heartbeat says that there is another round: so long others may wait for this member. */
const longestMs = 1000
