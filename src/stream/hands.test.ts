import { expect, test } from 'vitest'
import { noHeaders, type Headers } from '../message/record.js'
import { Delivered, type Columns } from './delivered.js'
import { Hands, type Grip, type InHand } from './hands.js'
import type { Held } from './lane.js'

function lotOf(count: number, headers: Headers = noHeaders): Delivered {
  const columns: Columns = {
    topic: 'orders',
    partition: 0,
    count,
    bytes: 0,
    isOdd: false,
    hasHeaders: headers.size > 0,
    open: () => [],
    key: () => null,
    offset: index => index,
    timestamp: () => 0,
    headers: () => headers,
  }
  return new Delivered(columns, { isLeaving: false, isOver: false, settled: null })
}

function inHand(lot: Delivered, index: number, how: { isAnswered?: boolean; isManual?: boolean } = {}): InHand {
  return { lot, index, isAnswered: false, isManual: false, ...how }
}

/** A loop that holds these events. */
class FakeGrip implements Grip {
  isWaiting = false
  ended = 0
  held: InHand[]

  constructor(...held: InHand[]) {
    this.held = held
  }

  get single(): InHand | null {
    return this.held.length === 1 ? (this.held[0] as InHand) : null
  }

  get count(): number {
    return this.held.length
  }

  peek(): readonly Held[] {
    return this.held
  }

  take(): InHand[] {
    return this.held.splice(0)
  }

  end(): void {
    this.ended++
  }
}

test('the event of the only loop is the current one, that of one among several is not', () => {
  const lot = lotOf(3)
  const hands = new Hands()
  expect(hands.current).toBeNull()
  const grip = new FakeGrip(inHand(lot, 0))
  hands.hold(grip)
  expect(hands.current?.index).toBe(0)
  const other = new FakeGrip(inHand(lot, 1))
  hands.hold(other)
  expect(hands.current).toBeNull()
  other.held = []
  expect(hands.current?.index).toBe(0)
})

test('a loop that is left leaves its event in hand until somebody asks for more', () => {
  const lot = lotOf(2)
  const hands = new Hands()
  const grip = new FakeGrip(inHand(lot, 0))
  hands.hold(grip)
  hands.leave(grip)
  expect([hands.hasLeft, hands.count, hands.current?.index, lot.settledCount]).toEqual([true, 1, 0, 0])
  hands.settleLeft()
  expect([hands.hasLeft, hands.count, lot.settledCount]).toEqual([false, 0, 1])
})

test('when the function ends everything in hand settles, except what is settled by hand', () => {
  const lot = lotOf(3)
  const hands = new Hands()
  const left = new FakeGrip(inHand(lot, 0))
  hands.hold(left)
  hands.leave(left)
  hands.hold(new FakeGrip(inHand(lot, 1), inHand(lot, 2, { isManual: true })))
  hands.settleAll()
  expect([lot.isSettled(0), lot.isSettled(1), lot.isSettled(2), hands.count]).toEqual([true, true, false, 0])
})

test('taking empties the hands and settles nothing', () => {
  const lot = lotOf(3)
  const hands = new Hands()
  const left = new FakeGrip(inHand(lot, 0))
  hands.hold(left)
  hands.leave(left)
  hands.hold(new FakeGrip(inHand(lot, 1)))
  hands.hold(new FakeGrip(inHand(lot, 2)))
  expect(hands.peek().map(({ index }) => index)).toEqual([0, 1, 2])
  expect(hands.take().map(({ index }) => index)).toEqual([0, 1, 2])
  expect([hands.count, hands.peek(), lot.settledCount]).toEqual([0, [], 0])
})

test('only a request that was not answered is reported as unanswered', () => {
  const asked = lotOf(3, new Map([['Faust-Ag-ReplyTo', Buffer.from('r')]]))
  const plain = lotOf(1)
  const unanswered: Held[] = []
  const hands = new Hands(held => unanswered.push(held))
  hands.settle(inHand(asked, 0))
  hands.settle(inHand(asked, 1, { isAnswered: true }))
  hands.settle(inHand(asked, 2, { isManual: true }))
  hands.settle(inHand(plain, 0))
  expect(unanswered.map(({ lot, index }) => [lot === asked, index])).toEqual([
    [true, 0],
    [true, 2],
  ])
  expect([asked.settledCount, asked.isSettled(2), plain.settledCount]).toEqual([2, false, 1])
})

test('ending tells every loop once and fires the signal', () => {
  const hands = new Hands()
  const grips = [new FakeGrip(), new FakeGrip()]
  for (const grip of grips) hands.hold(grip)
  expect(hands.signal.aborted).toBe(false)
  hands.end()
  hands.end()
  expect([hands.isEnded, hands.signal.aborted, ...grips.map(({ ended }) => ended)]).toEqual([true, true, 1, 1])
})

test('a reader is at work while it holds events, unless all it waits for is the clock', () => {
  const hands = new Hands()
  const grip = new FakeGrip()
  hands.hold(grip)
  expect([hands.isAtWork, hands.hasRead]).toEqual([false, true])
  grip.held = [inHand(lotOf(1), 0)]
  expect(hands.isAtWork).toBe(true)
  grip.isWaiting = true
  expect(hands.isAtWork).toBe(false)
  grip.isWaiting = false
  hands.clockWaits = 1
  expect(hands.isAtWork).toBe(false)
})

test('what a loop was left with can be abandoned: it stays unsettled and is in nobody’s hands', () => {
  const lot = lotOf(1)
  lot.handed = 1
  const hands = new Hands()
  const grip = new FakeGrip(inHand(lot, 0))
  hands.hold(grip)
  hands.leave(grip)
  expect([hands.isLooping, lot.inHand]).toEqual([false, 1])
  hands.abandonLeft()
  expect([hands.count, lot.inHand, lot.isDone]).toEqual([0, 0, false])
})
