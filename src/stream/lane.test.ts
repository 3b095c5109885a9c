import { expect, test } from 'vitest'
import { noHeaders } from '../message/record.js'
import { Delivered, type Columns } from './delivered.js'
import { Lane, type Cursor, type LaneLimits } from './lane.js'

function lotOf(offsets: readonly number[], bytes = 0): Delivered {
  const columns: Columns = {
    topic: 'orders',
    partition: 0,
    count: offsets.length,
    bytes,
    isOdd: false,
    hasHeaders: false,
    open: () => offsets,
    key: () => null,
    offset: index => offsets[index] as number,
    timestamp: () => 0,
    headers: () => noHeaders,
  }
  return new Delivered(columns, { isLeaving: false, isOver: false, settled: null })
}

/** A lane and what it asks for. */
function open(limits?: LaneLimits) {
  const asked = { demands: 0, unblocked: 0 }
  const lane = new Lane({ onDemand: () => asked.demands++, onUnblocked: () => asked.unblocked++, limits })
  return { lane, asked }
}

interface Taken {
  readonly lot: Delivered
  readonly index: number
}

function take(lane: Lane): Taken | null {
  const cursor: Cursor = { lot: null, index: -1 }
  const isTaken = lane.hand(cursor) || lane.advance(cursor)
  return isTaken ? { lot: cursor.lot as Delivered, index: cursor.index } : null
}

function takeAll(lane: Lane): number[] {
  const offsets: number[] = []
  for (let taken = take(lane); taken !== null; taken = take(lane)) offsets.push(taken.lot.columns.offset(taken.index))
  return offsets
}

test('events come in the order of their batches', () => {
  const { lane } = open()
  lane.push(lotOf([1, 2, 5]))
  lane.push(lotOf([6]))
  expect(lane.queued).toBe(4)
  expect(takeAll(lane)).toEqual([1, 2, 5, 6])
  expect(lane.queued).toBe(0)
})

test('it is full at its events and asks for more once, when it has fallen to half', () => {
  const { lane, asked } = open({ events: 4, bytes: Infinity })
  lane.push(lotOf([0]))
  lane.push(lotOf([1]))
  lane.push(lotOf([2]))
  expect(lane.wantsMore).toBe(true)
  lane.push(lotOf([3]))
  expect(lane.wantsMore).toBe(false)
  take(lane)
  expect([lane.wantsMore, asked.demands]).toEqual([false, 0])
  take(lane)
  expect([lane.wantsMore, asked.demands]).toEqual([true, 1])
  takeAll(lane)
  expect(asked.demands).toBe(1)
})

test('it is full at its bytes, and they are free when a batch has been handed out', () => {
  const { lane, asked } = open({ events: 1000, bytes: 100 })
  lane.push(lotOf([0, 1], 60))
  expect(lane.wantsMore).toBe(true)
  lane.push(lotOf([2], 60))
  expect(lane.wantsMore).toBe(false)
  take(lane)
  expect(asked.demands).toBe(0)
  take(lane)
  expect(asked.demands).toBe(0)
  take(lane)
  expect([lane.wantsMore, asked.demands]).toEqual([true, 1])
})

test('what is put back comes again before all others, in its order', () => {
  const { lane } = open()
  lane.push(lotOf([0, 1, 2, 3]))
  const first = take(lane) as Taken
  const second = take(lane) as Taken
  lane.putBack([first, second])
  expect(lane.queued).toBe(4)
  expect(first.lot.returned).toBe(2)
  expect(takeAll(lane)).toEqual([0, 1, 2, 3])
  expect(first.lot.returned).toBe(0)
})

test('what has settled does not come again', () => {
  const { lane } = open()
  lane.push(lotOf([0, 1]))
  const first = take(lane) as Taken
  first.lot.settle(0)
  lane.putBack([first])
  expect([first.lot.returned, takeAll(lane)]).toEqual([0, [1]])
})

test('what is settled by hand while it waits to come again is in nobody’s hands, and does not come', () => {
  const { lane } = open()
  const lot = lotOf([0, 1, 2])
  lane.push(lot)
  const first = take(lane) as Taken
  take(lane)
  lane.putBack([first])
  lot.settle(0)
  expect([lot.returned, takeAll(lane), lane.queued]).toEqual([0, [2], 0])
  expect(lot.inHand).toBe(2)
  lane.drop()
  lot.settle(1)
  expect(lot.inHand).toBe(1)
})

test('a blocked lane hands out nothing until everybody who blocked it has let go', () => {
  const { lane, asked } = open()
  lane.push(lotOf([0, 1]))
  const first = take(lane) as Taken
  lane.block()
  lane.block()
  lane.putBack([first])
  expect([take(lane), lane.hasEvents, lane.isBlocked]).toEqual([null, false, true])
  lane.unblock()
  expect([take(lane), asked.unblocked]).toEqual([null, 0])
  lane.unblock()
  expect(asked.unblocked).toBe(1)
  expect(takeAll(lane)).toEqual([0, 1])
})

test('a lane that is dropped knows what of it is in somebody’s hands', () => {
  const { lane } = open()
  const lot = lotOf([0, 1, 2, 3, 4])
  lane.push(lot)
  const again = take(lane) as Taken
  take(lane)
  take(lane)
  lane.putBack([again])
  lot.settle(1)
  lane.drop()
  expect([lane.queued, take(lane), lot.inHand]).toEqual([0, null, 1])
  lot.settle(2)
  expect(lot.inHand).toBe(0)
})

test('what is put back after the lane was dropped is in nobody’s hands and does not come again', () => {
  const { lane } = open()
  const lot = lotOf([0, 1])
  lane.push(lot)
  const first = take(lane) as Taken
  lane.drop()
  lane.putBack([first])
  expect([lane.queued, take(lane), lot.inHand, lot.isDone]).toEqual([0, null, 0, false])
})
