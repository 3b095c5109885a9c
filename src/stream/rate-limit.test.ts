import { expect, test } from 'vitest'
import { systemClock, type Clock } from '../lib/clock.js'
import { Hands } from './hands.js'
import type { Delivered } from './delivered.js'
import { rateLimit } from './rate-limit.js'
import { givenBack, type Place } from './stage.js'
import { StreamQueue } from './queue.js'

/** It stands still; what waits for it waits for ever. */
const clock: Clock = { ...systemClock, now: () => 0, after: () => ({ cancel: () => undefined }) as ReturnType<Clock['after']> }

function placeOf(queue = new StreamQueue()): Place {
  return { queue, hands: new Hands(), lot: null as unknown as Delivered, index: 0 }
}

test('the clock is waited for by whoever reads, at the pace of the queue that they read', async () => {
  const stage = rateLimit({ max: 1, perMs: 1000, position: 0 }, () => clock)
  const first = placeOf()
  const second = placeOf(first.queue)
  const other = placeOf()
  expect([stage('a', first), stage('b', other)]).toEqual(['a', 'b'])
  const waiting = stage('c', second)
  expect([first.hands.clockWaits, second.hands.clockWaits, other.hands.clockWaits]).toEqual([0, 1, 0])
  first.hands.end()
  other.hands.end()
  expect(second.hands.clockWaits).toBe(1)
  second.hands.end()
  expect([await waiting, second.hands.clockWaits]).toEqual([givenBack, 0])
})
