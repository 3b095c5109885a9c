import { expect, test } from 'vitest'
import { App, deadLetter, retry, skip } from 'faust-ts'
import { testWorker, virtualClock } from 'faust-ts/testing'
import { z } from 'zod'
import { committed } from '../fixtures/broker-view.js'
import { gate, until } from '../fixtures/pacing.js'
import { sorted } from '../fixtures/sorted.js'

const count = z.number()

test('by default an event that an agent fails on is settled, and the next one goes on in a fresh actor of the same stream', async () => {
  const app = new App('skipping')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const story: string[] = []
  app.agent('fragile', { topic: numbers }, async stream => {
    const me = story.filter(line => line.startsWith('actor')).length
    story.push(`actor ${me}`)
    for await (const n of stream) {
      story.push(`${me} got ${n}`)
      if (n % 3 === 0) throw new RangeError(`${n} is unlucky`)
    }
  })
  await using worker = await testWorker(app)
  for (let n = 1; n < 8; n++) void numbers.send(n)
  await worker.advance(0)
  expect(story).toEqual([
    'actor 0',
    '0 got 1',
    '0 got 2',
    '0 got 3',
    'actor 1',
    '1 got 4',
    '1 got 5',
    '1 got 6',
    'actor 2',
    '2 got 7',
  ])
  await worker.advance('2s')
  expect(await committed(app, 'numbers')).toEqual({ 0: 7 })
  expect(app.describe().agents[0]).toMatchObject({ failed: 2, restarted: 2, running: 1, onError: 'skip' })
})

test('what an actor sent before it failed stays sent', async () => {
  const app = new App('stays-sent')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const out = app.topic('out', { value: count })
  app.agent('fragile', { topic: numbers, onError: skip() }, async stream => {
    for await (const n of stream) {
      void out.send(n)
      await out.send(n * 10)
      throw new Error('always')
    }
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 1)
  await worker.send(numbers, 2)
  expect(sorted(await worker.received(out))).toEqual([1, 2, 10, 20])
})

test('retry tries again with doubling waits, and attempts counts all tries', async () => {
  const app = new App('retrying')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const { stamp, times } = stamping(app)
  app.agent('fragile', { topic: numbers, onError: retry({ attempts: 5, backoff: '200ms' }) }, async stream => {
    for await (const n of stream) {
      stamp(n)
      if (n === 7) throw new Error('never works')
    }
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 7)
  await worker.send(numbers, 8)
  expect(times).toEqual([[7, 0]])
  await worker.advance('1m')
  // Five tries in all; the event behind it has waited.
  expect(times).toEqual([
    [7, 0],
    [7, 0.2],
    [7, 0.6],
    [7, 1.4],
    [7, 3],
    [8, 3],
  ])
})

test('a retried event keeps its place: its partition waits, others go on', async () => {
  const app = new App('in-order')
  const numbers = app.topic('numbers', { value: count, partitions: 2 })
  const done: string[] = []
  let isBroken = true
  app.agent('fragile', { topic: numbers, onError: retry({ attempts: 10, backoff: '1s' }) }, async stream => {
    for await (const event of stream.events()) {
      if (event.partition === 0 && event.offset === 1 && isBroken) throw new Error('not yet')
      done.push(`${event.partition}@${event.offset}`)
    }
  })
  await using worker = await testWorker(app)
  for (let n = 0; n < 4; n++) {
    for (const partition of [0, 1]) void numbers.send(n, { partition })
  }
  await worker.advance('2s')
  expect(sorted(done)).toEqual(['0@0', '1@0', '1@1', '1@2', '1@3'])
  isBroken = false
  await worker.advance('1m')
  expect(done.filter(place => place.startsWith('0'))).toEqual(['0@0', '0@1', '0@2', '0@3'])
})

test('with several actors retried events come again in their order, whichever failed first', async () => {
  const app = new App('concurrent-retry')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const gates = Array.from({ length: 3 }, gate)
  const again: number[] = []
  const started: number[] = []
  const tried = new Set<number>()
  app.agent('fragile', { topic: numbers, concurrency: 3, onError: retry({ attempts: 2, backoff: '1s' }) }, async stream => {
    for await (const n of stream) {
      if (tried.has(n)) again.push(n)
      if (n > 2 || tried.has(n)) continue
      tried.add(n)
      started.push(n)
      await gates[n]?.opened
      throw new Error('first try')
    }
  })
  await using worker = await testWorker(app)
  for (let n = 0; n < 6; n++) void numbers.send(n)
  await until(() => started.length === 3)
  // They fail from the last to the first, at different times.
  gates[2]?.open()
  await until(() => app.describe().agents[0]?.failed === 1)
  gates[1]?.open()
  await until(() => app.describe().agents[0]?.failed === 2)
  gates[0]?.open()
  await worker.advance('1m')
  expect(again).toEqual([0, 1, 2])
})

test('the wait between tries grows to a minute and no further', async () => {
  const app = new App('long-retry')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const { stamp, times } = stamping(app)
  app.agent('fragile', { topic: numbers, onError: retry({ attempts: 6, backoff: '20s' }) }, async stream => {
    for await (const n of stream) {
      stamp(n)
      throw new Error('never works')
    }
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 1)
  await worker.advance('1h')
  expect(times.map(([, seconds]) => seconds)).toEqual([0, 20, 60, 120, 180, 240])
})

test('the asker gets the answer of the try that succeeds, and an error only when none does', async () => {
  const app = new App('asked-retry')
  let tries = 0
  const agent = app.agent('fragile', { value: count, onError: retry({ attempts: 3, backoff: '1s' }) }, async function* (stream) {
    for await (const n of stream) {
      if (++tries < n) throw new RangeError(`try ${tries}`)
      yield tries
    }
  })
  await using worker = await testWorker(app)
  const third = agent.ask(3)
  await worker.advance('5s')
  expect(await third).toBe(3)
  tries = 0
  const never = agent.ask(9).catch((error: Error) => error)
  await worker.advance('5s')
  expect(await never).toMatchObject({
    code: 'FAUST_REPLY',
    remoteName: 'RangeError',
    message: expect.stringContaining('try 3') as string,
  })
})

test('an event that has been answered is tried again without a second answer', async () => {
  const app = new App('answered-retry')
  const sunk: number[] = []
  let tries = 0
  const agent = app
    .agent('fragile', { value: count, onError: retry({ attempts: 3, backoff: '1s' }) }, async function* (stream) {
      for await (const n of stream) {
        yield n + tries
        if (++tries < 3) throw new Error('after the answer')
      }
    })
    .to(n => void sunk.push(n))
  await using worker = await testWorker(app)
  expect(await agent.ask(10)).toBe(10)
  await worker.advance('5s')
  expect(sunk).toEqual([10, 11, 12])
})

test('the tries of a batch are counted for each of its events', async () => {
  const app = new App('batch-retry')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const letters = app.topic('numbers-dead-letters', { value: count })
  const batches: number[][] = []
  const onError = retry({ attempts: 3, backoff: '1s', then: deadLetter() })
  app.agent('batching', { topic: numbers, onError }, async stream => {
    for await (const batch of stream.batch(3, { within: '100ms' })) {
      batches.push(batch)
      if (batch.includes(1)) throw new Error('one of them is bad')
    }
  })
  await using worker = await testWorker(app)
  void numbers.send(1)
  await worker.advance('150ms')
  for (const n of [2, 3, 4]) void numbers.send(n)
  await worker.advance('1m')
  expect(batches).toEqual([[1], [1, 2, 3], [1, 2, 3], [2, 3, 4]])
  // The first had its three tries; those that came into its batch later had one fewer, and went on without it.
  expect(await worker.received(letters)).toEqual([1])
})

test('a channel’s event is retried as well, and the channel waits with it', async () => {
  const app = new App('channel-retry')
  const local = app.channel('local', { value: count })
  const seen: number[] = []
  app.agent('fragile', { topic: local, onError: retry({ attempts: 2, backoff: '1s' }) }, async stream => {
    for await (const n of stream) {
      seen.push(n)
      if (n === 1 && seen.length === 1) throw new Error('not yet')
    }
  })
  await using worker = await testWorker(app)
  void local.send(1)
  void local.send(2)
  await worker.advance(0)
  expect(seen).toEqual([1])
  await worker.advance('1s')
  expect(seen).toEqual([1, 1, 2])
})

test('a worker stops in the middle of a back-off, which keeps nothing waiting, and the next one processes what did', async () => {
  const app = new App('stopped-retry', { broker: 'memory:stopped-retry' })
  const clock = virtualClock()
  using _world = app.override({ clock, isSimulated: true })
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const seen: number[] = []
  app.agent('fragile', { topic: numbers, onError: retry({ attempts: 9, backoff: '1h' }) }, async stream => {
    for await (const n of stream) if (seen.push(n) === 1) throw new Error('not yet')
  })
  // Keeps the broker's messages.
  const connection = await app.connect()
  const running = await app.start()
  await numbers.send(5)
  await until(() => clock.hasWork)
  await running.stop()
  // A timer of that kind would keep the process alive.
  expect(clock.hasWork).toBe(false)
  await using _again = await app.start()
  await until(() => seen.length === 2)
  expect(seen).toEqual([5, 5])
  await connection.close()
  await app[Symbol.asyncDispose]()
})

/** A topic whose messages say when, in seconds since the start, they were sent. */
function stamping(app: App): { stamp: (n: number) => void; times: [number, number][] } {
  const stamps = app.topic('stamps', { value: count, partitions: 1 })
  const times: [number, number][] = []
  app.agent('stamping', { topic: stamps }, async stream => {
    for await (const { value, timestamp } of stream.events()) times.push([value, (timestamp - Date.UTC(2025, 0)) / 1000])
  })
  return { stamp: n => void stamps.send(n), times }
}
