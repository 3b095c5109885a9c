import { sleep, type Clock } from './clock.js'

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
