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
 * to the queue that is read: actors that share it keep it together, and so does the one that takes over after a failure.
 */
export function rateLimit(rate: Rate, clockOf: () => Clock): Stage {
  const gapMs = rate.perMs / rate.max
  const name = `${rate.position}:${rate.max}/${rate.perMs}`
  return (value, { queue, hands }) => {
    const clock = clockOf()
    const pace = paceOf(queue, name)
    const now = clock.now()
    const waitMs = pace.nextAt - now
    pace.nextAt = Math.max(pace.nextAt, now) + gapMs
    return waitMs > 0 ? afterWait(value, { clock, waitMs, hands }) : value
  }
}

/** Whose wait it is: of the reader's hands, not of those of whoever wrote the operator down (a hop's are others). */
interface Wait {
  readonly clock: Clock
  readonly waitMs: number
  readonly hands: Hands
}

async function afterWait(value: unknown, { clock, waitMs, hands }: Wait): Promise<unknown> {
  hands.clockWaits++
  try {
    await sleep(clock, waitMs, { kind: 'work', signal: hands.signal })
  } finally {
    hands.clockWaits--
  }
  return hands.isEnded ? givenBack : value
}

interface Pace {
  nextAt: number
}

const paces = new WeakMap<StreamQueue, Map<string, Pace>>()

function paceOf(queue: StreamQueue, name: string): Pace {
  let ofQueue = paces.get(queue)
  if (ofQueue === undefined) paces.set(queue, (ofQueue = new Map()))
  let pace = ofQueue.get(name)
  if (pace === undefined) ofQueue.set(name, (pace = { nextAt: -Infinity }))
  return pace
}
