import { expect, test } from 'vitest'
import { virtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import { Replies, type Pending, type RepliesOptions } from './replies.js'

test('each request is given up when its own time is over', async () => {
  const { clock, replies, outcomes, waitFor } = scene()
  await replies.ready()
  waitFor('long', 60_000)
  waitFor('short', 1_000)
  await clock.advance(500)
  waitFor('later', 1_000)
  await clock.advance(500)
  expect(outcomes).toEqual(['short AskTimeoutError'])
  await clock.advance(500)
  expect(outcomes).toEqual(['short AskTimeoutError', 'later AskTimeoutError'])
  await clock.advance('1h')
  expect(outcomes).toHaveLength(3)
})

test('what is forgotten or abandoned is waited for no longer', () => {
  const { clock, replies, outcomes, waitFor } = scene()
  waitFor('one', 1_000)
  waitFor('two', 2_000)
  replies.forget('one')
  expect(clock.activity().asking).toBe(1)
  replies.abandon('two')
  replies.abandon('two')
  expect(clock.activity().asking).toBe(0)
  expect(outcomes).toEqual(['two ClosedError'])
})

test('a correlation id that is waited for is taken, and free again afterwards', () => {
  const { replies, waitFor } = scene()
  waitFor('same', 1_000)
  expect(() => waitFor('same', 1_000)).toThrow(expect.objectContaining({ code: 'FAUST_OPTION', option: 'correlationId' }))
  replies.forget('same')
  waitFor('same', 1_000)
})

test('closing rejects whoever waits, and whoever comes later', () => {
  const { clock, replies, outcomes, waitFor } = scene()
  waitFor('one', 1_000)
  replies.close()
  expect(outcomes).toEqual(['one ClosedError'])
  expect(() => waitFor('two', 1_000)).toThrow(expect.objectContaining({ code: 'FAUST_CLOSED' }))
  expect(clock.activity().asking).toBe(0)
})

test('when nothing is left that could answer, those whose time would be over first are given up first', () => {
  const { clock, outcomes, waitFor } = scene()
  waitFor('outer', 30_000)
  waitFor('inner', 10_000)
  waitFor('inner too', 10_000)
  clock.giveUp()
  expect(outcomes).toEqual(['inner AskTimeoutError', 'inner too AskTimeoutError'])
  clock.giveUp()
  expect(outcomes.slice(2)).toEqual(['outer AskTimeoutError'])
})

test('listening is tried again after it has failed', async () => {
  let attempts = 0
  const { replies } = scene(() => (++attempts === 1 ? Promise.reject(new Error('no broker')) : Promise.resolve()))
  await expect(replies.ready()).rejects.toThrow('no broker')
  expect(replies.isReady).toBe(false)
  await Promise.all([replies.ready(), replies.ready()])
  expect([replies.isReady, attempts]).toEqual([true, 2])
})

test('listening begins anew, at the next request, when its topic has gone', async () => {
  const ends: (() => void)[] = []
  const { replies } = scene((_deliver, ended) => Promise.resolve(void ends.push(ended)))
  await replies.ready()
  ends[0]?.()
  expect(replies.isReady).toBe(false)
  await replies.ready()
  await replies.ready()
  expect([replies.isReady, ends.length]).toEqual([true, 2])
})

function scene(listen: RepliesOptions['listen'] = () => Promise.resolve()) {
  const clock: VirtualClock = virtualClock()
  const replies = new Replies({ clock, address: 'f-reply-test', place: 'memory:', listen })
  const outcomes: string[] = []
  const waitFor = (correlationId: string, timeoutMs: number): void => {
    const pending: Pending = {
      agent: 'adding',
      correlationId,
      deadline: clock.now() + timeoutMs,
      timeoutMs,
      answered: () => outcomes.push(`${correlationId} answered`),
      failed: error => outcomes.push(`${correlationId} ${error.name}`),
    }
    replies.expect(pending)
  }
  return { clock, replies, outcomes, waitFor }
}
