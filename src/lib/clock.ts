import { setMaxListeners } from 'node:events'

/** A call that is due; cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void
}

/**
 * `work` = work that time will resume (back-off, rate limit, batch wait); `service` = keeps the process alive, like a heartbeat;
 * `background` = must not keep the process alive (time-outs, commit ticks).
 */
export type TimerKind = 'work' | 'service' | 'background'

/** What a component has going on; a virtual clock asks before time may pass. */
export interface Activity {
  readonly queued: number
  readonly atWork: number
  readonly asking: number
  /** When the first of what is asked is given up anyway, in milliseconds since 1970. */
  readonly nextDeadline?: number
}

export interface Clock {
  /** Wall time, milliseconds since 1970. */
  now(): number
  /** Monotonic milliseconds, for budgets of time only. */
  elapsed(): number
  /** Calls `run` once after `delayMs`, however long that is. */
  after(delayMs: number, run: () => void, kind: TimerKind): Timer
  /** Calls `run` in the next turn of the event loop, after sockets and timers had theirs. */
  turn(run: () => void): void
  /**
   * Registers what a component has going on and returns a function that stops watching; only a virtual clock looks. It calls
   * `giveUp` when nothing is left that could answer: what has a deadline up to the one given is over, as if its time were.
   */
  watch(probe: () => Activity, giveUp?: (untilMs: number) => void): () => void
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: (delayMs, run, kind) => new SystemTimer(delayMs, run, kind),
  turn: run => void setImmediate(run),
  watch: () => () => undefined,
}

/** Resolves in the next turn of the event loop. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise(resolve => clock.turn(resolve))
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts; it never rejects. */
export function sleep(clock: Clock, ms: number, options: { kind: TimerKind; signal?: AbortSignal | undefined }): Promise<void> {
  const { kind, signal } = options
  if (signal?.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const wake = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const timer = clock.after(ms, wake, kind)
    if (signal === undefined) return
    // However many sleep at once: each takes its listener away again, and Node need not warn of a leak.
    setMaxListeners(0, signal)
    signal.addEventListener('abort', wake)
  })
}

/** Waits for `done`, but no longer than `ms` milliseconds; resolves to whether it was done in time. Rejects as `done` does. */
export async function waitAtMost(clock: Clock, ms: number, done: Promise<unknown>): Promise<boolean> {
  const over = new AbortController()
  const late = sleep(clock, ms, { kind: 'background', signal: over.signal }).then(() => false)
  try {
    return await Promise.race([done.then(() => true), late])
  } finally {
    over.abort()
  }
}

/** Node runs a longer delay at once. */
const longestDelayMs = 2 ** 31 - 1

class SystemTimer implements Timer {
  readonly #run: () => void
  readonly #kind: TimerKind
  #timeout: NodeJS.Timeout

  constructor(delayMs: number, run: () => void, kind: TimerKind) {
    this.#run = run
    this.#kind = kind
    this.#timeout = this.#wait(delayMs)
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }

  #wait(delayMs: number): NodeJS.Timeout {
    const timeout =
      delayMs > longestDelayMs
        ? setTimeout(() => (this.#timeout = this.#wait(delayMs - longestDelayMs)), longestDelayMs)
        : setTimeout(this.#run, delayMs)
    if (this.#kind === 'background') timeout.unref()
    return timeout
  }
}
