import { expect, test } from 'vitest'
import { virtualClock } from '../testing/virtual-clock.js'
import { waitAtMost } from './deadline.js'
import { Deferred } from './deferred.js'

test('what is done in time is waited for, and leaves no timer behind', async () => {
  const clock = virtualClock()
  const done = new Deferred<void>()
  const waiting = waitAtMost(clock, 1000, done.promise)
  await clock.advance(999)
  done.resolve()
  expect(await waiting).toBe(true)
  expect(await waitAtMost(clock, 0, Promise.resolve())).toBe(true)
})

test('what takes longer is given up', async () => {
  const clock = virtualClock()
  const waiting = waitAtMost(clock, 1000, new Promise(() => undefined))
  await clock.advance(1000)
  expect(await waiting).toBe(false)
})

test('a failure is passed on; one that comes too late is nobody’s', async () => {
  const clock = virtualClock()
  await expect(waitAtMost(clock, 1000, Promise.reject(new RangeError('broken')))).rejects.toThrow('broken')
  const late = new Deferred<void>()
  const waiting = waitAtMost(clock, 10, late.promise)
  await clock.advance(10)
  expect(await waiting).toBe(false)
  late.reject(new RangeError('late'))
  await clock.settled()
})
