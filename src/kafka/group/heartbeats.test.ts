import { expect, test } from 'vitest'
import { virtualClock } from '../../testing/virtual-clock.js'
import { Heartbeats } from './heartbeats.js'

test('an answer to something older than what has been heard of since does not shorten the lease', async () => {
  const clock = virtualClock()
  let expired = 0
  const beats = new Heartbeats({ clock, sessionTimeoutMs: 6000, beat: () => Promise.resolve(), onExpired: () => expired++ })
  beats.start()
  const startMs = clock.elapsed()
  await clock.advance(5900)
  beats.extend(clock.elapsed())
  beats.extend(startMs)
  await clock.advance(1000)
  expect(expired).toBe(0)
  await clock.advance(5000)
  expect(expired).toBe(1)
  beats.stop()
})
