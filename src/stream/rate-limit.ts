import type { Clock } from '../lib/clock.js'
import { sleep } from '../lib/clock.js'
import type { Hands } from './hands.js'
import type { StreamQueue } from './queue.js'
import { givenBack, type Stage } from './stage.js'

export interface Rate {
  readonly max: number
  readonly perMs: number
  /** Its place in the chain of operators: tells it from another of the same stream. */
  readonly position: number
}

/**
 * An operator that spaces events evenly, `max` to each `perMs`; nothing waits while the rate is below that. The pace belongs
 * to the queue: actors that share it keep it together, and so does the one that takes over after a failure.
 */
export function rateLimit(rate: Rate, clock: Clock, reading: { queue: StreamQueue; hands: Hands }): Stage {
  const { hands } = reading
  const gapMs = rate.perMs / rate.max
  const pace = paceOf(reading.queue, rate)
  return value => {
    const waitMs = pace.nextAt - clock.now()
    pace.nextAt = Math.max(pace.nextAt, clock.now()) + gapMs
    return waitMs > 0 ? afterWait(value, waitMs) : value
  }

  async function afterWait(value: unknown, waitMs: number): Promise<unknown> {
    hands.clockWaits++
    try {
      await sleep(clock, waitMs, { kind: 'work', signal: hands.signal })
    } finally {
      hands.clockWaits--
    }
    return hands.isEnded ? givenBack : value
  }
}

interface Pace {
  nextAt: number
}

const paces = new WeakMap<StreamQueue, Map<string, Pace>>()

function paceOf(queue: StreamQueue, { max, perMs, position }: Rate): Pace {
  const ofQueue = paces.get(queue) ?? new Map<string, Pace>()
  paces.set(queue, ofQueue)
  const name = `${position}:${max}/${perMs}`
  const pace = ofQueue.get(name) ?? { nextAt: -Infinity }
  ofQueue.set(name, pace)
  return pace
}
