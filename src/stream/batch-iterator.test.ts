import { expect, test } from 'vitest'
import { nextTurn, systemClock } from '../lib/clock.js'
import { Deferred } from '../lib/deferred.js'
import { TurnBudget } from '../lib/turn.js'
import { noHeaders } from '../message/record.js'
import { VirtualClock } from '../testing/virtual-clock.js'
import { BatchIterator } from './batch-iterator.js'
import { Delivered, halting, type Columns, type Tenure } from './delivered.js'
import { Hands } from './hands.js'
import type { Reading } from './intake.js'
import { EventIterator } from './iterator.js'
import type { Lane } from './lane.js'
import { StreamQueue } from './queue.js'
import { dropped, givenBack, type Stage } from './stage.js'

function lotOf(values: readonly unknown[], tenure: Tenure): Delivered {
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
  return new Delivered(columns, tenure)
}

class Bench {
  readonly clock = new VirtualClock()
  readonly queue = new StreamQueue()
  readonly hands = new Hands()
  readonly tenure: Tenure = { isLeaving: false, isOver: false, settled: null }
  readonly lane: Lane = this.queue.addLane(() => undefined)
  readonly reading: Reading

  constructor(parts: Partial<Reading> = {}) {
    const gate = { isFull: false, drained: () => Promise.resolve() }
    this.reading = {
      queue: this.queue,
      hands: this.hands,
      stages: [],
      isManual: false,
      turn: new TurnBudget(systemClock),
      gate,
      ...parts,
    }
  }

  push(...values: unknown[]): Delivered {
    const lot = lotOf(values, this.tenure)
    this.queue.push(this.lane, lot)
    return lot
  }

  batches(max: number, withinMs = 1000): BatchIterator {
    return new BatchIterator(this.reading, { max, withinMs, clock: this.clock })
  }
}

/** What has come of a promise so far. */
async function soFar<T>(promise: Promise<T>): Promise<T | 'nothing yet'> {
  for (let turns = 0; turns < 3; turns++) await nextTurn(systemClock)
  return Promise.race([promise, Promise.resolve('nothing yet' as const)])
}

function settled(lot: Delivered): boolean[] {
  return Array.from({ length: lot.count }, (_, index) => lot.isSettled(index))
}

test('a batch is never larger than asked for, whatever waits', async () => {
  const bench = new Bench()
  bench.push(...Array.from({ length: 10 }, (_, index) => index))
  const batches = bench.batches(4)
  expect((await batches.next()).value).toEqual([0, 1, 2, 3])
  expect(bench.queue.queued).toBe(6)
  expect((await batches.next()).value).toEqual([4, 5, 6, 7])
})

test('a batch that is not full is given out that long after its first event came, and never an empty one', async () => {
  const bench = new Bench()
  const next = bench.batches(4, 1000).next()
  await bench.clock.advance('1h')
  expect(await soFar(next)).toBe('nothing yet')
  bench.push('a')
  await nextTurn(systemClock)
  await bench.clock.advance(600)
  bench.push('b')
  await nextTurn(systemClock)
  await bench.clock.advance(399)
  expect(await soFar(next)).toBe('nothing yet')
  await bench.clock.advance(1)
  expect(await soFar(next)).toEqual({ value: ['a', 'b'], done: false })
})

test('the time of the next batch begins with its own first event, not with the batch before', async () => {
  const bench = new Bench()
  bench.push('a')
  const batches = bench.batches(4, 1000)
  const first = batches.next()
  await nextTurn(systemClock)
  await bench.clock.advance(1000)
  await first
  await bench.clock.advance('10s')
  const second = batches.next()
  bench.push('b')
  await nextTurn(systemClock)
  await bench.clock.advance(999)
  expect(await soFar(second)).toBe('nothing yet')
  await bench.clock.advance(1)
  expect((await second).value).toEqual(['b'])
})

test('all events of a batch settle when the next batch is asked for, after its body', async () => {
  const bench = new Bench()
  const lot = bench.push(1, 2, 3, 4)
  const batches = bench.batches(2)
  await batches.next()
  expect([settled(lot), bench.hands.count]).toEqual([[false, false, false, false], 2])
  await batches.next()
  expect([settled(lot), bench.hands.count]).toEqual([[true, true, false, false], 2])
})

test('break loses nothing: the batch is still in hand and a second loop goes on behind it', async () => {
  const bench = new Bench()
  const lot = bench.push(1, 2, 3, 4, 5)
  for await (const _ of bench.batches(2)) break
  expect([settled(lot), bench.queue.queued]).toEqual([[false, false, false, false, false], 3])
  expect((await bench.batches(2).next()).value).toEqual([3, 4])
  expect(settled(lot)).toEqual([true, true, false, false, false])
})

test('two requests in flight get two batches', async () => {
  const bench = new Bench()
  const batches = bench.batches(2)
  const both = [batches.next(), batches.next()]
  const lot = bench.push(1, 2, 3)
  expect((await both[0])?.value).toEqual([1, 2])
  bench.push(4)
  expect((await both[1])?.value).toEqual([3, 4])
  expect(settled(lot)).toEqual([true, true, false])
})

test('what was gathered for a loop that is left meanwhile goes to the next loop', async () => {
  const bench = new Bench()
  const lot = bench.push(1, 2)
  const left = bench.batches(4)
  const next = left.next()
  await nextTurn(systemClock)
  const other = new EventIterator<unknown>(bench.reading, null)
  const waiting = other.next()
  await left.return()
  expect((await next).done).toBe(true)
  expect([(await waiting).value, (await other.next()).value]).toEqual([1, 2])
  expect(settled(lot)).toEqual([true, false])
})

test('what was gathered and not seen is not in the hands of a function that ends or fails', async () => {
  const bench = new Bench()
  const lot = bench.push(1, 2)
  const next = bench.batches(4).next()
  await nextTurn(systemClock)
  expect(bench.hands.take()).toEqual([])
  expect((await next).done).toBe(true)
  bench.hands.settleAll()
  expect([settled(lot), bench.queue.queued]).toEqual([[false, false], 2])
})

test('a partial batch is given out when the reader is told to end, then the loop ends', async () => {
  const bench = new Bench()
  const lot = bench.push(1, 2)
  const batches = bench.batches(4)
  const next = batches.next()
  await nextTurn(systemClock)
  bench.hands.end()
  expect((await next).value).toEqual([1, 2])
  expect((await batches.next()).done).toBe(true)
  expect(settled(lot)).toEqual([true, true])
})

test('a partial batch is given out when a partition goes that it holds events of, and only then', async () => {
  const bench = new Bench()
  const staying: Tenure = { isLeaving: false, isOver: false, settled: null }
  const [theirs, ours] = [bench.lane, bench.queue.addLane(() => undefined)]
  const batches = bench.batches(4)
  const next = batches.next()
  bench.queue.push(ours, lotOf(['stays'], staying))
  await nextTurn(systemClock)
  bench.queue.removeLane(bench.queue.addLane(() => undefined))
  expect(await soFar(next)).toBe('nothing yet')
  bench.queue.push(theirs, lotOf(['goes'], bench.tenure))
  await nextTurn(systemClock)
  bench.tenure.isLeaving = true
  bench.queue.removeLane(theirs)
  expect((await soFar(next)) as unknown).toEqual({ value: ['stays', 'goes'], done: false })
})

test('what an operator throws comes after what was gathered before it, with its event alone in hand', async () => {
  for (const fail of [
    () => {
      throw new RangeError('no')
    },
    () => Promise.reject(new RangeError('no')),
  ]) {
    const bench = new Bench({ stages: [value => (value === 'bad' ? fail() : value)] })
    const lot = bench.push(1, 2, 'bad', 4)
    const batches = bench.batches(4)
    expect((await soFar(batches.next())) as unknown).toEqual({ value: [1, 2], done: false })
    await expect(batches.next()).rejects.toThrow('no')
    expect(settled(lot)).toEqual([true, true, false, false])
    expect(bench.hands.take().map(({ index }) => index)).toEqual([2])
  }
})

test('a failure that the body catches leaves its event to the next loop, which settles it as it asks', async () => {
  const bench = new Bench({ stages: [value => (value === 'bad' ? Promise.reject(new RangeError('no')) : value)] })
  const lot = bench.push('bad', 'good')
  await expect(bench.batches(1).next()).rejects.toThrow('no')
  expect([settled(lot), bench.hands.count]).toEqual([[false, false], 1])
  expect((await bench.batches(1).next()).value).toEqual(['good'])
  expect([settled(lot), bench.hands.count]).toEqual([[true, false], 1])
})

test('whatever an operator makes of an event that was taken from it changes nothing', async () => {
  for (const made of ['a', dropped, givenBack, halting, 'bad']) {
    const work = new Deferred<unknown>()
    const bench = new Bench({ stages: [() => work.promise] })
    const lot = bench.push('a')
    const unseen = bench.batches(2).next()
    await nextTurn(systemClock)
    expect([bench.hands.take(), bench.queue.queued, lot.returned]).toEqual([[], 1, 1])
    if (made === 'bad') work.reject(new RangeError('no'))
    else work.resolve(made)
    expect((await unseen).done).toBe(true)
    expect([settled(lot), bench.queue.queued, lot.returned, bench.hands.count]).toEqual([[false], 1, 1, 0])
  }
})

test('an event whose operator has failed unseen comes again when the loop is left', async () => {
  let tries = 0
  const bench = new Bench({ stages: [value => (value === 'bad' && ++tries < 2 ? Promise.reject(new RangeError('no')) : value)] })
  bench.push(1, 'bad')
  for await (const batch of bench.batches(4)) {
    expect(batch).toEqual([1])
    break
  }
  expect((await new EventIterator<unknown>(bench.reading, null).next()).value).toBe('bad')
})

test('a batch that is due does not wait for an operator that is at work on the event behind it', async () => {
  const work = new Deferred<string>()
  const slow: Stage = value => (value === 'slow' ? work.promise : value)
  const bench = new Bench({ stages: [slow] })
  const lot = bench.push(1, 'slow', 3)
  const batches = bench.batches(4, 1000)
  const first = batches.next()
  await nextTurn(systemClock)
  bench.clock.skip(1000)
  expect((await soFar(first)) as unknown).toEqual({ value: [1], done: false })
  expect([bench.hands.count, settled(lot)]).toEqual([2, [false, false, false]])
  const second = batches.next()
  expect(await soFar(second)).toBe('nothing yet')
  work.resolve('done')
  await nextTurn(systemClock)
  bench.clock.skip(1000)
  expect((await second).value).toEqual(['done', 3])
})

test('what operators drop does not count, and settles', async () => {
  const bench = new Bench({ stages: [value => ((value as number) % 2 === 0 ? value : dropped), value => Promise.resolve(value)] })
  const lot = bench.push(1, 2, 3, 4, 5)
  expect((await bench.batches(2).next()).value).toEqual([2, 4])
  expect(settled(lot)).toEqual([true, false, true, false, false])
})

test('after noack a batch does not settle', async () => {
  const bench = new Bench({ isManual: true })
  const lot = bench.push(1, 2, 3, 4)
  const batches = bench.batches(2)
  await batches.next()
  await batches.next()
  bench.hands.settleAll()
  expect(settled(lot)).toEqual([false, false, false, false])
})

test('a reader that only gathers waits for the clock, one whose operator is at work does not', async () => {
  const work = new Deferred<string>()
  const bench = new Bench({ stages: [value => (value === 'slow' ? work.promise : value)] })
  void bench.batches(4).next()
  bench.push(1)
  await nextTurn(systemClock)
  expect([bench.hands.count, bench.hands.isAtWork]).toEqual([1, false])
  bench.push('slow')
  await nextTurn(systemClock)
  expect([bench.hands.count, bench.hands.isAtWork]).toEqual([2, true])
})
