import { FaustError } from '../../errors.js'
import type { Backoff } from '../../lib/backoff.js'
import { sleep, type Clock } from '../../lib/clock.js'

export interface RetryOptions {
  readonly clock: Clock
  readonly backoff: Backoff
  /** For all attempts together. */
  readonly timeoutMs: number
  /** Ends the waiting between attempts. */
  readonly signal?: AbortSignal
}

/**
 * Runs `attempt` until it succeeds, giving it the time that is left. What it throws is final when that is not retriable, when
 * time is up, or when the signal has aborted.
 */
export async function retrying<Value>(options: RetryOptions, attempt: (leftMs: number) => Promise<Value>): Promise<Value> {
  const { clock, backoff, timeoutMs, signal } = options
  const endMs = clock.elapsed() + timeoutMs
  for (let failed = 1; ; failed++) {
    try {
      return await attempt(Math.max(1, endMs - clock.elapsed()))
    } catch (error) {
      const pauseMs = backoff.delayMs(failed)
      const isFinal = !(error instanceof FaustError && error.retriable) || clock.elapsed() + pauseMs >= endMs
      if (isFinal || signal?.aborted) throw error
      await sleep(clock, pauseMs, { kind: 'work', signal })
    }
  }
}
