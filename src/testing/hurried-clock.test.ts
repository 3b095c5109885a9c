import { expect, test } from 'vitest'
import { nextTurn, sleep, systemClock } from '../lib/clock.js'
import { hurriedClock } from './hurried-clock.js'

test('a minute is over in a moment', async () => {
  const clock = hurriedClock(1000)
  const [start, startMs, wallMs] = [clock.elapsed(), clock.now(), systemClock.elapsed()]
  await sleep(clock, 60_000, { kind: 'work' })
  expect(clock.elapsed() - start).toBeGreaterThanOrEqual(59_000)
  expect(clock.now() - startMs).toBeGreaterThanOrEqual(59_000)
  expect(systemClock.elapsed() - wallMs).toBeLessThan(5000)
})

test('timers run in the order of their delays, and not when cancelled', async () => {
  const clock = hurriedClock(100)
  const ran: number[] = []
  const done = new Promise<void>(resolve => clock.after(3000, resolve, 'work'))
  clock.after(2000, () => ran.push(2), 'work')
  clock.after(1500, () => ran.push(0), 'work').cancel()
  clock.after(1000, () => ran.push(1), 'work')
  await done
  expect(ran).toEqual([1, 2])
})

test('it says the time in whole milliseconds, and a turn is a turn', async () => {
  const clock = hurriedClock(7)
  await nextTurn(clock)
  expect(Number.isInteger(clock.now())).toBe(true)
  expect(clock.now()).toBeGreaterThanOrEqual(systemClock.now() - 1000)
})
