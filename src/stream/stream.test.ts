import { expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { nextTurn, systemClock } from '../lib/clock.js'
import { Deferred } from '../lib/deferred.js'
import { TurnBudget } from '../lib/turn.js'
import type { Headers } from '../message/record.js'
import { VirtualClock } from '../testing/virtual-clock.js'
import type { Destination, SendOptions } from './contract.js'
import { Delivered, type Columns } from './delivered.js'
import { Hands } from './hands.js'
import { StreamQueue } from './queue.js'
import { EventStream } from './stream.js'

const headers: Headers = new Map([['trace', Buffer.from('t')]])

/** A stream over these values, with the keys k0, k1, … and the times 100, 101, … */
function streamOf(values: readonly unknown[], clock: VirtualClock = new VirtualClock(), queue: StreamQueue = new StreamQueue()) {
  const columns: Columns = {
    topic: 'orders',
    partition: 3,
    count: values.length,
    bytes: 0,
    isOdd: false,
    hasHeaders: true,
    open: () => values,
    key: index => `k${index}`,
    offset: index => 40 + index,
    timestamp: index => 100 + index,
    headers: () => headers,
  }
  const lot = new Delivered(columns, { isLeaving: false, isOver: false, settled: null })
  queue.push(
    queue.addLane(() => undefined),
    lot,
  )
  const hands = new Hands()
  const gate = { isFull: false, drained: () => Promise.resolve() }
  const reading = { queue, hands, turn: new TurnBudget(systemClock), gate }
  const stream = new EventStream({ open: () => reading, stages: [], isManual: false, clock: () => clock, hop: source => source })
  return { stream, lot, hands, queue, clock }
}

async function take<T>(stream: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  for await (const value of stream) if (taken.push(value) === count) break
  return taken
}

/** A destination that remembers, and answers as it is told. */
function sinkThat(answer: () => PromiseLike<unknown>): {
  sent: [unknown, SendOptions<unknown> | undefined][]
  sink: Destination<unknown>
} {
  const sent: [unknown, SendOptions<unknown> | undefined][] = []
  const send = (value: unknown, options?: SendOptions<unknown>): PromiseLike<unknown> => {
    sent.push([value, options])
    return answer()
  }
  return { sent, sink: { send } }
}

test('operators run in the order written, asynchronous ones as well', async () => {
  const seen: unknown[] = []
  const { stream } = streamOf([1, 2, 3, 4])
  const made = stream
    .map(n => (n as number) * 10)
    .tap(n => seen.push(n))
    .map(async n => `${n as number}!`)
    .filter(text => text !== '20!')
    .map(text => `<${text}>`)
  expect(await take(made, 3)).toEqual(['<10!>', '<30!>', '<40!>'])
  expect(seen).toEqual([10, 20, 30, 40])
})

test('a stream is a description: what is made of it leaves it as it was', async () => {
  const { stream } = streamOf([1, 2, 3])
  stream.map(() => 'never')
  expect(await take(stream, 1)).toEqual([1])
})

test('a filter may answer later; what it drops settles', async () => {
  const { stream, lot } = streamOf([1, 2, 3])
  const late = (n: unknown): Promise<boolean> => Promise.resolve(n === 2)
  expect(await take(stream.filter(late as unknown as (n: unknown) => boolean), 1)).toEqual([2])
  expect([lot.isSettled(0), lot.isSettled(1)]).toEqual([true, false])
})

test('tap waits for a promise and passes the value on', async () => {
  const looked = new Deferred<void>()
  const { stream } = streamOf([1])
  const next = stream
    .tap(() => looked.promise)
    [Symbol.asyncIterator]()
    .next()
  await nextTurn(systemClock)
  let isHere = false
  void next.then(() => (isHere = true))
  await nextTurn(systemClock)
  expect(isHere).toBe(false)
  looked.resolve()
  expect((await next).value).toBe(1)
})

test('events carry the value as operators have made it, and all that was known of the message', async () => {
  const { stream } = streamOf(['a', 'b'])
  const [first] = await take(stream.map(text => `${text as string}!`).events(), 1)
  const { key, value, topic, partition, offset, timestamp } = first as NonNullable<typeof first>
  expect({ key, value, topic, partition, offset, timestamp }).toEqual({
    key: 'k0',
    value: 'a!',
    topic: 'orders',
    partition: 3,
    offset: 40,
    timestamp: 100,
  })
  expect(first?.headers).toBe(headers)
})

test('entries are pairs of key and value, enumerate counts from where it is told', async () => {
  expect(await take(streamOf(['a', 'b']).stream.entries(), 2)).toEqual([
    ['k0', 'a'],
    ['k1', 'b'],
  ])
  expect(await take(streamOf(['a', 'b']).stream.enumerate(), 2)).toEqual([
    [0, 'a'],
    [1, 'b'],
  ])
  expect(
    await take(
      streamOf(['a', 'b'])
        .stream.filter(text => text === 'b')
        .enumerate(7),
      1,
    ),
  ).toEqual([[7, 'b']])
})

test('settling an event by hand does nothing unless noack stands before', async () => {
  const { stream, lot } = streamOf(['a', 'b', 'c'])
  for await (const event of stream.events()) {
    event.settle()
    break
  }
  expect(lot.isSettled(0)).toBe(false)
  const [second, third] = await take(
    stream
      .noack()
      .map(text => text)
      .events(),
    2,
  )
  third?.settle()
  third?.settle()
  expect([lot.isSettled(1), lot.isSettled(2), lot.settledCount]).toEqual([false, true, 2])
  second?.settle()
  expect(lot.isDone).toBe(true)
})

test('echo sends what operators have made under the event’s key and at its time, and passes it on', async () => {
  const first = sinkThat(() => Promise.resolve())
  const second = sinkThat(() => Promise.resolve())
  const { stream } = streamOf(['a'])
  expect(await take(stream.map(text => `${text as string}!`).echo(first.sink, second.sink), 1)).toEqual(['a!'])
  const message = ['a!', { key: 'k0', timestamp: 100 }]
  expect([first.sent, second.sent]).toEqual([[message], [message]])
})

test('echo waits for a destination of your own, lazy or not, and not for what the commit waits for', async () => {
  let asked = 0
  const query = {
    then: (done: () => void): void => {
      asked++
      done()
    },
  }
  const lazy = sinkThat(() => query as unknown as PromiseLike<unknown>)
  const never: PromiseLike<unknown> & { isLeftToCommit: true } = {
    isLeftToCommit: true,
    then: () => new Promise(() => undefined),
  }
  const left = sinkThat(() => never)
  const { stream } = streamOf(['a'])
  expect(await take(stream.echo(lazy.sink, left.sink), 1)).toEqual(['a'])
  expect([asked, left.sent.length]).toEqual([1, 1])
})

test('a destination of echo that fails fails the event', async () => {
  const { stream, hands } = streamOf(['a'])
  const failing = sinkThat(() => Promise.reject(new RangeError('full')))
  await expect(take(stream.echo(failing.sink), 1)).rejects.toThrow('full')
  expect(hands.take().map(({ index }) => index)).toEqual([0])
})

test('a rate limit spaces events evenly and lets the first one pass', async () => {
  const { stream, clock } = streamOf([1, 2, 3, 4])
  const times: number[] = []
  const start = clock.now()
  void (async () => {
    for await (const _ of stream.rateLimit(2, '1s')) times.push(clock.now() - start)
  })()
  await nextTurn(systemClock)
  await clock.advance('1h')
  expect(times).toEqual([0, 500, 1000, 1500])
})

test('nothing waits while the rate is below the limit, and quiet times are not saved up', async () => {
  const { stream, clock, queue } = streamOf([1])
  const times: number[] = []
  const start = clock.now()
  void (async () => {
    for await (const _ of stream.rateLimit(1, '1s')) times.push(clock.now() - start)
  })()
  await nextTurn(systemClock)
  await clock.advance('10s')
  const { lot } = streamOf([2, 3])
  queue.push(
    queue.addLane(() => undefined),
    lot,
  )
  await nextTurn(systemClock)
  await clock.advance('10s')
  expect(times).toEqual([0, 10_000, 11_000])
})

test('a rate limit outlives the loop: whoever takes over, or shares the queue, keeps the pace', async () => {
  const queue = new StreamQueue()
  const clock = new VirtualClock()
  const first = streamOf([1], clock, queue)
  await take(first.stream.rateLimit(1, '1s'), 1)
  const second = streamOf([2], clock, queue)
  const next = take(second.stream.rateLimit(1, '1s'), 1)
  await nextTurn(systemClock)
  expect([second.hands.count, second.hands.isAtWork]).toEqual([1, false])
  await clock.advance(1000)
  expect(await next).toEqual([2])
})

test('an event that waits for the rate when its reader ends is left for another one', async () => {
  const { stream, hands, queue, lot } = streamOf([1, 2])
  const loop = stream.rateLimit(1, '1s')[Symbol.asyncIterator]()
  await loop.next()
  const next = loop.next()
  await nextTurn(systemClock)
  hands.end()
  expect((await next).done).toBe(true)
  expect([queue.queued, lot.isSettled(1)]).toEqual([1, false])
})

test('limits that make no sense are refused where they are written', () => {
  const { stream } = streamOf([])
  expect(() => stream.batch(0, { within: '1s' })).toThrow(OptionError)
  expect(() => stream.batch(1.5, { within: '1s' })).toThrow(/whole number above 0, got 1.5/)
  expect(() => stream.batch(1, { within: 'soon' as '1s' })).toThrow(OptionError)
  expect(() => stream.rateLimit(0, '1s')).toThrow(/above 0/)
  expect(() => stream.rateLimit(1, -1)).toThrow(OptionError)
})
