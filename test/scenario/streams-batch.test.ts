import { expect, test } from 'vitest'
import { App, deadLetter, retry } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed, stored } from '../fixtures/broker-view.js'
import { gate, turns, until } from '../fixtures/pacing.js'

const count = z.number()

/** An app that gathers batches of four, or what came within a second. */
function gathering(id: string, work: (batch: number[]) => unknown = () => undefined, partitions = 1) {
  const app = new App(id, { partitions })
  const numbers = app.topic('numbers', { value: count })
  const batches: number[][] = []
  app.agent('gathering', { topic: numbers }, async stream => {
    for await (const batch of stream.batch(4, { within: '1s' })) {
      batches.push(batch)
      await work(batch)
    }
  })
  return { app, numbers, batches }
}

test('a batch is given out when it is full, or that long after its first event, and is never empty', async () => {
  const { app, numbers, batches } = gathering('batching')
  await using worker = await testWorker(app)
  for (let n = 1; n <= 10; n++) await worker.send(numbers, n)
  expect(batches).toEqual([
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ])
  await worker.advance(999)
  expect(batches.length).toBe(2)
  await worker.advance(1)
  expect(batches[2]).toEqual([9, 10])
  await worker.advance('1h')
  expect(batches.length).toBe(3)
})

test('what comes while a body runs is not in its batch, and no batch is larger than asked for', async () => {
  const done = gate()
  const { app, numbers, batches } = gathering('running', batch => (batch[0] === 1 ? done.opened : undefined))
  await using worker = await testWorker(app)
  for (let n = 1; n <= 9; n++) numbers.send(n)
  await until(() => batches.length === 1)
  await turns(20)
  expect(batches).toEqual([[1, 2, 3, 4]])
  done.open()
  await worker.advance('1s')
  expect(batches).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], [9]])
})

test('the events of a batch settle together after its body', async () => {
  const { app, numbers } = gathering('settling')
  await using worker = await testWorker(app)
  for (let n = 1; n <= 6; n++) await worker.send(numbers, n)
  await worker.advance(900)
  expect(await committed(app, 'numbers')).toEqual({})
  await worker.advance(200)
  expect(await committed(app, 'numbers')).toEqual({ 0: 4 })
  await worker.advance('2s')
  expect(await committed(app, 'numbers')).toEqual({ 0: 6 })
})

test('break loses nothing of what waits, and the next loop settles the batch', async () => {
  const app = new App('leaving', { partitions: 1 })
  const numbers = app.topic('numbers', { value: count })
  const seen: unknown[] = []
  app.agent('leaving', { topic: numbers }, async stream => {
    for await (const batch of stream.batch(2, { within: '1s' })) {
      seen.push(batch)
      break
    }
    for await (const n of stream) seen.push(n)
  })
  await using worker = await testWorker(app)
  for (let n = 1; n <= 5; n++) await worker.send(numbers, n)
  expect(seen).toEqual([[1, 2], 3, 4, 5])
  await worker.advance('2s')
  expect(await committed(app, 'numbers')).toEqual({ 0: 5 })
})

test('a partial batch is given out when the worker stops', async () => {
  const { app, numbers, batches } = gathering('stopping')
  {
    await using worker = await testWorker(app)
    for (let n = 1; n <= 3; n++) await worker.send(numbers, n)
    expect(batches).toEqual([])
  }
  expect(batches).toEqual([[1, 2, 3]])
})

test('a partial batch is given out when a partition that it holds events of goes to another worker', async () => {
  const { app, numbers, batches } = gathering('moving', undefined, 2)
  await using worker = await testWorker(app)
  for (const partition of [0, 1]) await worker.send(numbers, partition, { partition })
  expect(batches).toEqual([])
  const second = app.start()
  await until(() => batches.length > 0, 'the partial batch')
  expect(batches).toEqual([[0, 1]])
  await second
  await worker.advance('5s')
  expect(batches.flat().toSorted((a, b) => a - b)).toEqual([0, 1])
  expect(await committed(app, 'numbers')).toEqual({ 0: 1, 1: 1 })
})

test('a body that throws fails all of its batch, and nothing behind it', async () => {
  const app = new App('burying', { partitions: 1 })
  const numbers = app.topic('numbers', { value: count })
  const seen: number[][] = []
  app.agent('burying', { topic: numbers, onError: deadLetter() }, async stream => {
    for await (const batch of stream.batch(3, { within: '1s' })) {
      if (batch.includes(2)) throw new RangeError('two')
      seen.push(batch)
    }
  })
  await using worker = await testWorker(app)
  for (let n = 1; n <= 7; n++) await worker.send(numbers, n)
  await worker.advance('3s')
  expect(seen).toEqual([[4, 5, 6], [7]])
  expect((await stored(app, 'numbers-dead-letters')).map(({ value }) => value)).toEqual(['1', '2', '3'])
  expect(await committed(app, 'numbers')).toEqual({ 0: 7 })
})

test('a batch that is tried again comes in the same order, before what is behind it', async () => {
  const app = new App('trying', { partitions: 1 })
  const numbers = app.topic('numbers', { value: count })
  const seen: number[][] = []
  app.agent('trying', { topic: numbers, onError: retry({ attempts: 3, backoff: '1s' }) }, async stream => {
    for await (const batch of stream.batch(3, { within: '1s' })) {
      seen.push(batch)
      if (seen.length < 3 && batch.includes(2)) throw new RangeError('not yet')
    }
  })
  await using worker = await testWorker(app)
  for (let n = 1; n <= 6; n++) await worker.send(numbers, n)
  await worker.advance('10s')
  expect(seen).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
    [4, 5, 6],
  ])
})

test('operators before a batch shape it: what they drop does not count, what they fail on fails alone', async () => {
  const app = new App('shaping', { partitions: 1 })
  const numbers = app.topic('numbers', { value: count })
  const seen: number[][] = []
  app.agent('shaping', { topic: numbers, onError: deadLetter() }, async stream => {
    const checked = stream
      .filter(n => n % 2 === 0)
      .map(n => {
        if (n === 6) throw new RangeError('six')
        return Promise.resolve(n * 10)
      })
    for await (const batch of checked.batch(3, { within: '1s' })) seen.push(batch)
  })
  await using worker = await testWorker(app)
  for (let n = 1; n <= 14; n++) numbers.send(n)
  await worker.advance('3s')
  expect(seen).toEqual([[20, 40], [80, 100, 120], [140]])
  expect((await stored(app, 'numbers-dead-letters')).map(({ value }) => value)).toEqual(['6'])
  expect(await committed(app, 'numbers')).toEqual({ 0: 14 })
})

test('a batch behind a rate limit is given out in time, not when the limit lets the next event pass', async () => {
  const app = new App('limited', { partitions: 1 })
  const numbers = app.topic('numbers', { value: count })
  const seen: number[][] = []
  app.agent('limited', { topic: numbers }, async stream => {
    for await (const batch of stream.rateLimit(1, '1m').batch(10, { within: '1s' })) seen.push(batch)
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) numbers.send(n)
  await worker.advance('1s')
  expect(seen).toEqual([[1]])
  await worker.advance('1m')
  expect(seen).toEqual([[1], [2]])
})

test('a request in a batch is told that it is not answered', async () => {
  const app = new App('asked')
  const agent = app.agent('asked', { value: count }, async function* (stream) {
    for await (const batch of stream.batch(2, { within: '1s' })) yield batch.length
  })
  await using worker = await testWorker(app)
  const refused = [agent.ask(1), agent.ask(2)].map(
    async asked => await expect(asked).rejects.toMatchObject({ code: 'FAUST_NO_REPLY' }),
  )
  await worker.advance('2s')
  await Promise.all(refused)
})
