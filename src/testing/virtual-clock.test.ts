import { describe, expect, test } from 'vitest'
import { nextTurn } from '../lib/clock.js'
import { seededRandom } from '../lib/random.js'
import { VirtualClock, virtualClock } from './virtual-clock.js'

test('starts in 2025, or where it is told', () => {
  expect(new Date(virtualClock().now()).toISOString()).toBe('2025-01-01T00:00:00.000Z')
  expect(virtualClock({ start: 5 }).now()).toBe(5)
  expect(virtualClock({ start: new Date(7) }).now()).toBe(7)
  expect(virtualClock()).toBeInstanceOf(VirtualClock)
})

describe('advance', () => {
  test('runs timers in the order of their time, then of their setting, and shows each its time', async () => {
    const clock = virtualClock({ start: 0 })
    const ran: string[] = []
    for (const [name, delayMs] of Object.entries({ c: 30, a: 10, b: 20, d: 30, zero: 0, beyond: 31 })) {
      clock.after(delayMs, () => ran.push(`${name}@${clock.now()}`), 'background')
    }
    await clock.advance(30)
    expect(ran).toEqual(['zero@0', 'a@10', 'b@20', 'c@30', 'd@30'])
    expect([clock.now(), clock.elapsed()]).toEqual([30, 30])
    await clock.advance('1s')
    expect(ran.at(-1)).toBe('beyond@31')
  })

  test('runs what timers set, at its own time', async () => {
    const clock = virtualClock({ start: 0 })
    const ran: number[] = []
    const again = (): void => {
      ran.push(clock.now())
      clock.after(10, again, 'work')
    }
    again()
    await clock.advance(35)
    expect(ran).toEqual([0, 10, 20, 30])
  })

  test('waits before each instant until all is quiet', async () => {
    const clock = virtualClock({ start: 0 })
    const happened: string[] = []
    let atWork = 0
    clock.watch(() => ({ queued: 0, atWork, asking: 0 }))
    const work = async (): Promise<void> => {
      atWork++
      for (let turns = 0; turns < 20; turns++) await nextTurn(clock)
      happened.push(`done@${clock.now()}`)
      atWork--
    }
    clock.after(1, () => void work(), 'work')
    clock.after(2, () => happened.push('next'), 'work')
    await clock.advance(2)
    expect(happened).toEqual(['done@1', 'next'])
  })

  test('one advance comes after the other', async () => {
    const clock = virtualClock({ start: 0 })
    await Promise.all([clock.advance(10), clock.advance('1s')])
    expect(clock.now()).toBe(1010)
  })

  test('what a timer throws reaches who advances, and only that one', async () => {
    const clock = virtualClock({ start: 0 })
    clock.after(1, () => expect.fail('broken'), 'work')
    await expect(clock.advance(5)).rejects.toThrow('broken')
    await clock.advance(5)
    expect(clock.now()).toBe(6)
  })

  test('a part of a millisecond counts as one', async () => {
    const clock = virtualClock({ start: 0 })
    let ranAt = -1
    clock.after(1.2, () => (ranAt = clock.now()), 'work')
    await clock.advance(5)
    expect(ranAt).toBe(2)
  })
})

test('a cancelled timer does not run, and is no work', async () => {
  const clock = virtualClock()
  const ran: string[] = []
  const timer = clock.after(10, () => ran.push('cancelled'), 'work')
  clock.after(5, () => timer.cancel(), 'background')
  expect(clock.hasWork).toBe(true)
  await clock.advance(20)
  timer.cancel()
  expect([ran, clock.hasWork]).toEqual([[], false])
})

test('only timers of kind work are work', async () => {
  const clock = virtualClock()
  clock.after(10, () => undefined, 'background')
  clock.after(10, () => undefined, 'service')
  expect(clock.hasWork).toBe(false)
  clock.after(10, () => undefined, 'work')
  expect(clock.hasWork).toBe(true)
  await clock.advance(10)
  expect(clock.hasWork).toBe(false)
})

test('settled waits for what is queued or at work, also when it moves on from turn to turn', async () => {
  const clock = virtualClock()
  let queued = 3
  const stop = clock.watch(() => ({ queued, atWork: 0, asking: 1 }))
  const next = (): void => {
    if (--queued > 0) clock.turn(next)
  }
  clock.turn(next)
  await clock.settled()
  expect(clock.activity()).toEqual({ queued: 0, atWork: 0, asking: 1 })
  stop()
  expect(clock.activity().asking).toBe(0)
})

test('giveUp tells everybody who still watches', () => {
  const clock = virtualClock()
  const gaveUp: string[] = []
  const idle = (): { queued: number; atWork: number; asking: number } => ({ queued: 0, atWork: 0, asking: 0 })
  clock.watch(idle)
  clock.watch(idle, () => gaveUp.push('one'))
  const stop = clock.watch(idle, () => gaveUp.push('gone'))
  clock.watch(idle, () => gaveUp.push('two'))
  stop()
  clock.giveUp()
  expect(gaveUp).toEqual(['one', 'two'])
})

test.for([1, 2, 3])('many timers, set and cancelled at random, run in order: seed %i', async seed => {
  const random = seededRandom(seed)
  const clock = virtualClock({ start: 0 })
  const ran: [atMs: number, order: number][] = []
  const expected: [atMs: number, order: number][] = []
  const timers = Array.from({ length: 500 }, (_, order) => {
    const atMs = Math.floor(random.next() * 50)
    return { atMs, order, timer: clock.after(atMs, () => ran.push([clock.now(), order]), 'work') }
  })
  for (const { atMs, order, timer } of timers) {
    if (random.next() < 0.4) timer.cancel()
    else expected.push([atMs, order])
  }
  await clock.advance(50)
  expect(ran).toEqual(expected.sort((left, right) => left[0] - right[0] || left[1] - right[1]))
  expect(clock.hasWork).toBe(false)
})
