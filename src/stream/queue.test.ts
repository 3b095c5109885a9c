import { expect, test } from 'vitest'
import { noHeaders } from '../message/record.js'
import { Delivered, type Columns } from './delivered.js'
import type { Cursor } from './lane.js'
import { StreamQueue, type Waiter } from './queue.js'

function lotOf(values: readonly string[]): Delivered {
  const columns: Columns = {
    topic: 'orders',
    partition: 0,
    count: values.length,
    bytes: 0,
    isOdd: false,
    hasHeaders: false,
    open: () => values,
    key: () => null,
    offset: index => index,
    timestamp: () => 0,
    headers: () => noHeaders,
  }
  return new Delivered(columns, { isLeaving: false, isOver: false, settled: null })
}

const nothing = (): void => undefined

function take(queue: StreamQueue): unknown {
  const cursor: Cursor = { lot: null, index: -1 }
  return queue.take(cursor) ? cursor.lot?.values[cursor.index] : null
}

function takeAll(queue: StreamQueue): unknown[] {
  const values: unknown[] = []
  for (let value = take(queue); value !== null; value = take(queue)) values.push(value)
  return values
}

/** Somebody who waits, and how often he was woken. */
function waiter(queue: StreamQueue): Waiter & { woken: number } {
  const own = { woken: 0, wake: () => void own.woken++ }
  queue.wait(own)
  return own
}

test('lanes take turns, a batch each, so that no partition starves', () => {
  const queue = new StreamQueue()
  const [a, b] = [queue.addLane(nothing), queue.addLane(nothing)]
  for (const values of [['a1', 'a2'], ['a3'], ['a4']]) queue.push(a, lotOf(values))
  for (const values of [['b1'], ['b2', 'b3']]) queue.push(b, lotOf(values))
  const order = takeAll(queue)
  expect(order.filter(value => String(value).startsWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4'])
  expect(order).toEqual(['b1', 'a1', 'a2', 'b2', 'b3', 'a3', 'a4'])
})

test('pushing answers whether the lane wants more, and asks for it when it does again', () => {
  const queue = new StreamQueue()
  let demands = 0
  const lane = queue.addLane(() => demands++, { events: 2, bytes: Infinity })
  expect([queue.push(lane, lotOf(['a'])), queue.push(lane, lotOf(['b']))]).toEqual([true, false])
  expect(queue.queued).toBe(2)
  take(queue)
  expect(demands).toBe(1)
})

test('those who wait are woken in their order, no more of them than there are events', () => {
  const queue = new StreamQueue()
  const lane = queue.addLane(nothing)
  const waiting = [waiter(queue), waiter(queue), waiter(queue)]
  queue.push(lane, lotOf(['a', 'b']))
  expect(waiting.map(({ woken }) => woken)).toEqual([1, 1, 0])
})

test('one who has stopped waiting is not woken instead of another', () => {
  const queue = new StreamQueue()
  const lane = queue.addLane(nothing)
  const [gone, here] = [waiter(queue), waiter(queue)]
  queue.cancel(gone)
  queue.push(lane, lotOf(['a']))
  expect([gone.woken, here.woken]).toEqual([0, 1])
})

test('a blocked lane holds up nobody else and wakes those who wait when it goes on', () => {
  const queue = new StreamQueue()
  const [a, b] = [queue.addLane(nothing), queue.addLane(nothing)]
  queue.push(a, lotOf(['a1']))
  queue.push(b, lotOf(['b1']))
  a.block()
  expect(takeAll(queue)).toEqual(['b1'])
  expect(queue.hasEvents).toBe(false)
  const waiting = waiter(queue)
  a.unblock()
  expect([waiting.woken, queue.hasEvents, take(queue)]).toEqual([1, true, 'a1'])
})

test('a lane that is removed takes its events with it and wakes everybody who waits', () => {
  const queue = new StreamQueue()
  const [a, b] = [queue.addLane(nothing), queue.addLane(nothing)]
  queue.push(a, lotOf(['a1', 'a2']))
  expect(take(queue)).toBe('a1')
  const waiting = [waiter(queue), waiter(queue)]
  queue.removeLane(a)
  expect(waiting.map(({ woken }) => woken)).toEqual([1, 1])
  expect(takeAll(queue)).toEqual([])
  queue.push(b, lotOf(['b1']))
  expect(take(queue)).toBe('b1')
})

test('a closed queue hands out nothing and tells those who listen, once', () => {
  const queue = new StreamQueue()
  const lane = queue.addLane(nothing)
  queue.push(lane, lotOf(['a']))
  const heard: string[] = []
  queue.onClose(() => heard.push('early'))
  const forget = queue.onClose(() => heard.push('forgotten'))
  forget()
  const waiting = waiter(queue)
  queue.close()
  queue.close()
  queue.onClose(() => heard.push('late'))
  expect([heard, waiting.woken, take(queue), queue.hasEvents, queue.queued]).toEqual([['early', 'late'], 1, null, false, 0])
})
