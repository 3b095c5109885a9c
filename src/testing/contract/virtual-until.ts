import assert from 'node:assert/strict'
import type { VirtualClock } from '../virtual-clock.js'
import type { TransportHarness } from './harness.js'

/** Waits for conditions in virtual time: first until all is quiet, then by letting time pass, two minutes at most. */
export function virtualUntil(clock: VirtualClock): TransportHarness['until'] {
  return async (condition, what) => {
    const deadlineMs = clock.now() + 120_000
    while (!condition()) {
      await clock.settled()
      if (condition()) return
      assert.ok(clock.now() < deadlineMs, `waited two minutes for ${what}`)
      await clock.advance(50)
    }
  }
}
