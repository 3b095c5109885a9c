import { expect, test } from 'vitest'
import { nextTurn, systemClock, type Clock } from '../lib/clock.js'
import { Deferred } from '../lib/deferred.js'
import { TurnBudget } from '../lib/turn.js'
import { noHeaders, type Headers } from '../message/record.js'
import { Delivered, halting, unreadable, type Columns } from './delivered.js'
import { Hands } from './hands.js'
import type { Gate, Reading } from './intake.js'
import { EventIterator } from './iterator.js'
import type { Held } from './lane.js'
import { StreamQueue } from './queue.js'
import { dropped, givenBack, type Stage } from './stage.js'

function lotOf(values: readonly unknown[], headers: Headers = noHeaders): Delivered {
  const columns: Columns = {
    topic: 'orders',
    partition: 0,
    count: values.length,
    bytes: 0,
    isOdd: values.some(value => typeof value === 'symbol' || value instanceof Promise),
    hasHeaders: headers.size > 0,
    open: () => values,
    key: () => null,
    offset: index => index,
    timestamp: () => 0,
    headers: () => headers,
  }
  return new Delivered(columns, { isLeaving: false, isOver: false, settled: null })
}

const openGate: Gate = { isFull: false, drained: () => Promise.resolve() }

/** A queue with one lane, and loops over it. */
class Bench {
  readonly queue = new StreamQueue()
  readonly hands: Hands
  readonly lane = this.queue.addLane(() => undefined)
  readonly reading: Reading

  constructor(parts: Partial<Reading> = {}) {
    this.hands = parts.hands ?? new Hands()
    this.reading = {
      queue: this.queue,
      hands: this.hands,
      stages: [],
      isManual: false,
      // However slow the machine is, no turn is over before its time.
      turn: new TurnBudget({ ...systemClock, elapsed: () => 0 }),
      gate: openGate,
      ...parts,
    }
  }

  push(...values: unknown[]): Delivered {
    const lot = lotOf(values)
    this.queue.push(this.lane, lot)
    return lot
  }

  loop(): EventIterator<unknown> {
    return new EventIterator<unknown>(this.reading, null)
  }
}

/** Which events of the lot have settled. */
function settled(lot: Delivered): boolean[] {
  return Array.from({ length: lot.count }, (_, index) => lot.isSettled(index))
}

test('an event settles when the next one is asked for, not before', async () => {
  const bench = new Bench()
  const lot = bench.push('a', 'b')
  const loop = bench.loop()
  expect(await loop.next()).toEqual({ value: 'a', done: false })
  expect([settled(lot), bench.hands.current?.index]).toEqual([[false, false], 0])
  await loop.next()
  expect(settled(lot)).toEqual([true, false])
  void loop.next()
  expect([settled(lot), bench.hands.count]).toEqual([[true, true], 0])
})

test('break loses nothing: a second loop goes on behind the first, and settles its event', async () => {
  const bench = new Bench()
  const lot = bench.push(1, 2, 3)
  for await (const value of bench.loop()) if (value === 2) break
  expect([settled(lot), bench.hands.current?.index]).toEqual([[true, false, false], 1])
  const second = bench.loop()
  expect(await second.next()).toEqual({ value: 3, done: false })
  expect(settled(lot)).toEqual([true, true, false])
})

test('two requests in flight get two events, in order, whether they wait or not', async () => {
  const bench = new Bench()
  const loop = bench.loop()
  const waiting = [loop.next(), loop.next(), loop.next()]
  await nextTurn(systemClock)
  const lot = bench.push('a', 'b')
  expect(await Promise.all(waiting.slice(0, 2))).toEqual([
    { value: 'a', done: false },
    { value: 'b', done: false },
  ])
  bench.push('c', 'd', 'e')
  expect((await waiting[2])?.value).toBe('c')
  expect(settled(lot)).toEqual([true, true])
  const ready = await Promise.all([loop.next(), loop.next()])
  expect(ready.map(({ value }) => value)).toEqual(['d', 'e'])
})

test('values that are falsy are values', async () => {
  const bench = new Bench()
  const values = [null, undefined, 0, '', false, Number.NaN]
  bench.push(...values)
  const loop = bench.loop()
  for (const value of values) expect(await loop.next()).toEqual({ value, done: false })
})

test('a loop ends when its queue closes or its reader is told to, with its last event still in hand', async () => {
  for (const end of [(bench: Bench) => bench.queue.close(), (bench: Bench) => bench.hands.end()]) {
    const bench = new Bench()
    const lot = bench.push('a', 'b')
    const loop = bench.loop()
    await loop.next()
    end(bench)
    expect(settled(lot)).toEqual([false, false])
    expect(await loop.next()).toEqual({ value: undefined, done: true })
    expect(settled(lot)).toEqual([true, false])
  }
})

test('a loop that waits ends when it is told to, and when it is left', async () => {
  const bench = new Bench()
  const [told, left] = [bench.loop(), bench.loop()]
  const waiting = [told.next(), left.next()]
  await nextTurn(systemClock)
  await left.return()
  bench.hands.end()
  for (const ended of await Promise.all(waiting)) expect(ended.done).toBe(true)
})

test('a loop that was left hands out nothing more, so that nothing is in nobody’s hands', async () => {
  const bench = new Bench()
  const lot = bench.push('a', 'b')
  const loop = bench.loop()
  await loop.next()
  await loop.return()
  expect((await loop.next()).done).toBe(true)
  expect([settled(lot), bench.queue.queued]).toEqual([[true, false], 1])
})

test('a loop that was left wakes another one for the event it would have got', async () => {
  const bench = new Bench()
  const [left, other] = [bench.loop(), bench.loop()]
  const waiting = [left.next(), other.next()]
  await nextTurn(systemClock)
  bench.push('a')
  await left.return()
  expect(await Promise.race(waiting)).toEqual({ value: undefined, done: true })
  expect(await waiting[1]).toEqual({ value: 'a', done: false })
})

test('loops of several readers compete: every event goes to exactly one, in turn when all are idle', async () => {
  const queue = new StreamQueue()
  const benches = [0, 1, 2].map(() => new Bench({ queue }))
  const lane = queue.addLane(() => undefined)
  const got: unknown[][] = [[], [], []]
  benches.forEach((bench, at) => {
    void (async () => {
      for await (const value of bench.loop()) got[at]?.push(value)
    })()
  })
  for (let value = 0; value < 9; value++) {
    queue.push(lane, lotOf([value]))
    await nextTurn(systemClock)
  }
  expect(got.map(values => values.length)).toEqual([3, 3, 3])
  expect(got.flat().toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('what an operator drops has settled, on a stream that settles by hand as well', async () => {
  for (const isManual of [false, true]) {
    const even: Stage = value => ((value as number) % 2 === 0 ? value : dropped)
    const late: Stage = value => Promise.resolve((value as number) > 2 ? value : dropped)
    const bench = new Bench({ stages: [even, late], isManual })
    const lot = bench.push(1, 2, 3, 4)
    expect((await bench.loop().next()).value).toBe(4)
    expect(settled(lot)).toEqual([true, true, true, false])
  }
})

test('what an operator throws is thrown with its event in hand, unanswered and unsettled', async () => {
  const headers = new Map([['Faust-Ag-ReplyTo', Buffer.from('r')]])
  for (const fail of [
    () => {
      throw new RangeError('no')
    },
    () => Promise.reject(new RangeError('no')),
  ]) {
    const bench = new Bench({ stages: [value => (value === 'bad' ? fail() : value)] })
    const lot = lotOf(['good', 'bad', 'next'], headers)
    bench.queue.push(bench.lane, lot)
    const loop = bench.loop()
    await loop.next()
    const { current } = bench.hands
    if (current !== null) current.isAnswered = true
    await expect(loop.next()).rejects.toThrow('no')
    expect(settled(lot)).toEqual([true, false, false])
    expect(bench.hands.take().map(({ index, isAnswered }) => [index, isAnswered])).toEqual([[1, false]])
    expect([(await loop.next()).done, (await bench.loop().next()).value]).toEqual([true, 'next'])
  }
})

test('a failure that the body catches leaves its event to the next loop, which settles it as it asks', async () => {
  for (const fail of [
    () => {
      throw new RangeError('no')
    },
    () => Promise.reject(new RangeError('no')),
  ]) {
    const bench = new Bench({ stages: [value => (value === 'bad' ? fail() : value)] })
    const lot = bench.push('bad', 'good', 'last')
    await expect(bench.loop().next()).rejects.toThrow('no')
    expect([settled(lot), bench.hands.count]).toEqual([[false, false, false], 1])
    await bench.loop().next()
    expect([settled(lot), bench.hands.count, bench.hands.current?.index]).toEqual([[true, false, false], 1, 1])
  }
})

test('a failure that nobody has caught yet is not settled by a loop beside it', async () => {
  const bench = new Bench({ stages: [value => (value === 'bad' ? Promise.reject(new RangeError('no')) : value)] })
  const lot = bench.push('good', 'bad', 'other')
  const beside = bench.loop()
  await beside.next()
  await expect(bench.loop().next()).rejects.toThrow('no')
  expect((await beside.next()).value).toBe('other')
  expect(settled(lot)).toEqual([true, false, false])
  expect(bench.hands.take().map(({ index }) => index)).toEqual([1, 2])
})

test('an event that an operator is at work on goes to the next loop when its own is left, and only there', async () => {
  const work = [new Deferred<string>(), new Deferred<string>()]
  let at = 0
  const bench = new Bench({ stages: [() => (work[at++] as Deferred<string>).promise] })
  const lot = bench.push('a')
  const first = bench.loop()
  const unseen = first.next()
  await first.return()
  const second = bench.loop().next()
  expect([settled(lot), bench.hands.count]).toEqual([[false], 1])
  work[0]?.resolve('of the first')
  expect((await unseen).done).toBe(true)
  expect(settled(lot)).toEqual([false])
  work[1]?.resolve('of the second')
  expect([(await second).value, bench.hands.current?.index, bench.queue.queued]).toEqual(['of the second', 0, 0])
})

test('whatever an operator makes of an event that was taken from it changes nothing', async () => {
  for (const made of ['a', dropped, givenBack, halting, 'bad']) {
    const work = new Deferred<unknown>()
    const bench = new Bench({ stages: [() => work.promise] })
    const lot = bench.push('a')
    const unseen = bench.loop().next()
    expect([bench.hands.take(), bench.queue.queued, lot.returned]).toEqual([[], 1, 1])
    if (made === 'bad') work.reject(new RangeError('no'))
    else work.resolve(made)
    expect((await unseen).done).toBe(true)
    expect([settled(lot), bench.queue.queued, lot.returned, bench.hands.count]).toEqual([[false], 1, 1, 0])
  }
})

test('while an operator is at work its event is in hand', async () => {
  const work = new Deferred<string>()
  const bench = new Bench({ stages: [() => work.promise] })
  bench.push('a')
  const next = bench.loop().next()
  expect([bench.hands.count, bench.hands.isAtWork]).toEqual([1, true])
  work.resolve('done')
  expect((await next).value).toBe('done')
})

test('what cannot be read settles and is passed over; what stops the worker does neither', async () => {
  const bench = new Bench()
  const lot = bench.push('a', unreadable, Promise.resolve(unreadable), Promise.resolve('b'), halting, 'c')
  const loop = bench.loop()
  expect([(await loop.next()).value, (await loop.next()).value]).toEqual(['a', 'b'])
  const last = loop.next()
  await nextTurn(systemClock)
  expect(settled(lot)).toEqual([true, true, true, true, false, false])
  bench.hands.end()
  expect((await last).done).toBe(true)
  expect(settled(lot)).toEqual([true, true, true, true, false, false])
})

test('what is found later to stop the worker is not handed out either, and holds up this loop', async () => {
  const bench = new Bench()
  const lot = bench.push(Promise.resolve(halting), 'b')
  const next = bench.loop().next()
  await nextTurn(systemClock)
  bench.hands.end()
  expect([(await next).done, settled(lot), bench.queue.queued]).toEqual([true, [false, false], 1])
})

test('after noack nothing settles by itself: not by asking on, not by break, not when the function ends', async () => {
  const bench = new Bench({ isManual: true })
  const lot = bench.push(1, 2, 3)
  const loop = bench.loop()
  await loop.next()
  await loop.next()
  await loop.return()
  await bench.loop().next()
  bench.hands.settleAll()
  expect(settled(lot)).toEqual([false, false, false])
})

test('a request that is passed over is reported once, also on a stream that settles by hand', async () => {
  for (const isManual of [false, true]) {
    const unanswered: Held[] = []
    const bench = new Bench({ isManual, hands: new Hands(held => unanswered.push({ lot: held.lot, index: held.index })) })
    bench.queue.push(bench.lane, lotOf(['a', 'b', 'c'], new Map([['Faust-Ag-ReplyTo', Buffer.from('r')]])))
    const loop = bench.loop()
    await loop.next()
    await loop.next()
    const { current } = bench.hands
    if (current !== null) current.isAnswered = true
    await loop.next()
    expect(unanswered.map(({ index }) => index)).toEqual([0])
  }
})

test('while the producer is full no event is handed out', async () => {
  const room = new Deferred<void>()
  const gate = { isFull: true, drained: () => room.promise }
  const bench = new Bench({ gate })
  const lot = bench.push('a')
  let isHere = false
  const next = bench.loop().next()
  void next.then(() => (isHere = true))
  await nextTurn(systemClock)
  expect([isHere, bench.hands.count, bench.queue.queued, lot.handed]).toEqual([false, 0, 1, 0])
  gate.isFull = false
  room.resolve()
  expect((await next).value).toBe('a')
})

test('thousands of queued events give way to the event loop after 2,048 of them, handed out or dropped', async () => {
  const clock: Clock = { ...systemClock, elapsed: () => 0 }
  const turn = new TurnBudget(clock)
  let events = 0
  const seen: Stage = value => (events++, (value as number) % 3 === 0 ? dropped : value)
  const bench = new Bench({ turn, stages: [seen] })
  bench.push(...Array.from({ length: 20_000 }, (_, index) => index))
  const perTurn: number[] = []
  const count = (): void => {
    perTurn.push(events - perTurn.reduce((sum, other) => sum + other, 0))
    if (events < 20_000) clock.turn(count)
  }
  clock.turn(count)
  const loops = [bench.loop(), bench.loop()].map(async loop => {
    for await (const _ of loop) if (events === 20_000) bench.queue.close()
  })
  await Promise.all(loops)
  expect(Math.max(...perTurn)).toBe(2048)
})
