import type { Clock } from '../lib/clock.js'
import { sleep } from '../lib/clock.js'
import type { Hands } from './hands.js'
import type { Stage } from './stage.js'

/** An operator that spaces events evenly, `max` to each `perMs`; nothing waits while the rate is below that. */
export function rateLimit(limit: { max: number; perMs: number }, clock: Clock, hands: Hands): Stage {
  const gapMs = limit.perMs / limit.max
  let nextAt = -Infinity
  return value => {
    const waitMs = nextAt - clock.now()
    nextAt = Math.max(nextAt, clock.now()) + gapMs
    return waitMs > 0 ? afterWait(value, waitMs) : value
  }

  async function afterWait(value: unknown, waitMs: number): Promise<unknown> {
    hands.clockWaits++
    try {
      await sleep(clock, waitMs, { kind: 'work', signal: hands.signal })
    } finally {
      hands.clockWaits--
    }
    return value
  }
}
