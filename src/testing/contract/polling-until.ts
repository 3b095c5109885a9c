import assert from 'node:assert/strict'
import { type Clock, sleep } from '../../lib/clock.js'
import type { TransportHarness } from './harness.js'

/** Waits for conditions in time that passes by itself, two minutes of that clock at most. */
export function pollingUntil(clock: Clock): TransportHarness['until'] {
  return async (condition, what) => {
    const deadlineMs = clock.elapsed() + 120_000
    while (!condition()) {
      assert.ok(clock.elapsed() < deadlineMs, `waited two minutes for ${what}`)
      await sleep(clock, 10, { kind: 'work' })
    }
  }
}
