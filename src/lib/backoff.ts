import type { Random } from './random.js'

/** How long to wait before trying again. */
export interface Backoff {
  /** Milliseconds before the next try, after `attempt` tries have failed (the first is 1). */
  delayMs(attempt: number): number
}

/** Doubles from `initialMs` up to `maxMs`, spread by chance over the upper half so that many do not try at the same moment. */
export function exponential(options: { initialMs: number; maxMs: number; random: Random }): Backoff {
  const { initialMs, maxMs, random } = options
  return {
    delayMs(attempt) {
      const ceilingMs = Math.min(maxMs, initialMs * 2 ** Math.max(0, attempt - 1))
      return (ceilingMs * (1 + random.next())) / 2
    },
  }
}
