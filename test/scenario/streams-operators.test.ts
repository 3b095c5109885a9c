import { expect, test } from 'vitest'
import { App, crash, deadLetter, retry, unchecked } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed, stored } from '../fixtures/broker-view.js'

const count = z.number()

type Shape = { kind: 'circle'; radius: number } | { kind: 'square'; side: number }
type Circle = Extract<Shape, { kind: 'circle' }>

test('map, filter and tap make of a stream what the agent wants to see', async () => {
  const app = new App('operators')
  const numbers = app.topic('numbers', { value: count })
  const words = app.topic('words', { value: z.string() })
  const seen: number[] = []
  app
    .agent('telling', { topic: numbers }, async function* (stream) {
      const big = stream
        .tap(n => seen.push(n))
        .filter(n => n > 1)
        .map(n => `number ${n}`)
      for await (const word of big) yield word
    })
    .to(words)
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(numbers, n)
  expect([seen, await worker.received(words)]).toEqual([
    [1, 2, 3],
    ['number 2', 'number 3'],
  ])
})

test('a type guard narrows what a filter lets through', async () => {
  const app = new App('guard')
  const shapes = app.topic('shapes', { value: unchecked<Shape>() })
  const isCircle = (shape: Shape): shape is Circle => shape.kind === 'circle'
  const areas: number[] = []
  app.agent('circles', { topic: shapes }, async stream => {
    for await (const { radius } of stream.filter(isCircle)) areas.push(radius * radius * 3)
  })
  await using worker = await testWorker(app)
  await worker.send(shapes, { kind: 'circle', radius: 2 })
  await worker.send(shapes, { kind: 'square', side: 2 })
  expect(areas).toEqual([12])
})

test('events, entries and enumerate show what operators before them have made', async () => {
  const app = new App('views')
  const numbers = app.topic('numbers', { value: count, key: z.string(), partitions: 1 })
  const seen: unknown[] = []
  app.agent('events', { topic: numbers }, async stream => {
    for await (const { key, value, topic, partition, offset, timestamp, headers } of stream.map(n => n * 2).events()) {
      seen.push({ key, value, topic, partition, offset, timestamp, trace: Buffer.from(headers.get('trace') ?? []).toString() })
    }
  })
  app.agent('entries', { topic: numbers }, async stream => {
    for await (const entry of stream.map(n => n * 3).entries()) seen.push(entry)
  })
  app.agent('enumerate', { topic: numbers }, async stream => {
    for await (const pair of stream.map(n => n * 4).enumerate(10)) seen.push(pair)
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 1, { key: 'k', timestamp: 5, headers: { trace: 't' } })
  expect(seen).toHaveLength(3)
  expect(seen).toContainEqual({ key: 'k', value: 2, topic: 'numbers', partition: 0, offset: 0, timestamp: 5, trace: 't' })
  expect(seen).toContainEqual(['k', 3])
  expect(seen).toContainEqual([10, 4])
})

test('operators may be asynchronous, and keep the order', async () => {
  const app = new App('late')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const seen: string[] = []
  app.agent('late', { topic: numbers }, async stream => {
    const late = stream.map(async n => (n % 2 === 0 ? n : await Promise.resolve(-n))).tap(async () => await Promise.resolve())
    for await (const n of late) seen.push(String(n))
  })
  await using worker = await testWorker(app)
  await Promise.all([1, 2, 3, 4].map(n => numbers.send(n)))
  await worker.send(numbers, 5)
  expect(seen).toEqual(['-1', '2', '-3', '4', '-5'])
})

test('an operator that throws follows the agent’s policy with its event, and the agent goes on', async () => {
  for (const fails of ['at once', 'later'] as const) {
    const app = new App('throwing')
    const numbers = app.topic('numbers', { value: count, partitions: 1 })
    const seen: number[] = []
    app.agent('careful', { topic: numbers, onError: deadLetter() }, async stream => {
      const checked = stream.map(n => {
        if (n !== 13) return n
        if (fails === 'at once') throw new RangeError('unlucky')
        return Promise.reject<number>(new RangeError('unlucky'))
      })
      for await (const n of checked) seen.push(n)
    })
    await using worker = await testWorker(app)
    for (const n of [12, 13, 14]) await worker.send(numbers, n)
    expect(seen).toEqual([12, 14])
    const [grave] = await stored(app, 'numbers-dead-letters')
    expect(grave).toMatchObject({
      value: '13',
      headers: { '__faust.errors.message': 'unlucky', '__faust.errors.agent': 'careful' },
    })
    await worker.advance('2s')
    expect(await committed(app, 'numbers')).toEqual({ 0: 3 })
  }
})

test('an operator that throws is tried again with its event, or stops the worker, as the policy says', async () => {
  const app = new App('trying')
  let tries = 0
  const seen: number[] = []
  const flaky = app.agent('flaky', { value: count, onError: retry({ attempts: 3, backoff: '1s' }) }, async stream => {
    const checked = stream.tap(n => {
      if (n === 13 && ++tries < 3) throw new RangeError('not yet')
    })
    for await (const n of checked) seen.push(n)
  })
  const strict = app.agent('strict', { value: count, onError: crash() }, async stream => {
    for await (const _ of stream.filter(() => {
      throw new RangeError('no')
    }))
      seen.push(-1)
  })
  await using worker = await testWorker(app)
  await worker.send(flaky, 13)
  await worker.advance('10s')
  expect([tries, seen]).toEqual([3, [13]])
  await expect(worker.send(strict, 1)).rejects.toThrow(/Agent "strict" failed on .*no.*crash\(\)/)
})

test('a request that an operator fails on or drops is answered with what happened', async () => {
  const app = new App('answering')
  const doubling = app.agent('doubling', { value: count }, async function* (stream) {
    const checked = stream
      .map(n => {
        if (n === 13) throw new RangeError('unlucky')
        return n
      })
      .filter(n => n > 0)
    for await (const n of checked) yield n * 2
  })
  await using _worker = await testWorker(app)
  expect(await doubling.ask(2)).toBe(4)
  await expect(doubling.ask(13)).rejects.toMatchObject({ code: 'FAUST_REPLY', remoteName: 'RangeError' })
  await expect(doubling.ask(-1)).rejects.toMatchObject({ code: 'FAUST_NO_REPLY' })
  expect(await doubling.ask(3)).toBe(6)
})

test('what a filter drops settles', async () => {
  const app = new App('dropping')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  app.agent('none', { topic: numbers }, async stream => {
    for await (const _ of stream.filter(() => false)) throw new Error('never')
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(numbers, n)
  await worker.advance('2s')
  expect(await committed(app, 'numbers')).toEqual({ 0: 3 })
})

test('echo sends each value to topics, channels and agents as well, under its key and at its time', async () => {
  const app = new App('echoing')
  const numbers = app.topic('numbers', { value: count, key: z.string() })
  const copies = app.topic('copies', { value: count, key: z.string() })
  const local = app.channel('local', { value: count, key: z.string() })
  const seen: unknown[] = []
  const other = app.agent('other', { value: count, key: z.string() }, async stream => {
    for await (const { key, value, timestamp } of stream.events()) seen.push(['agent', key, value, timestamp])
  })
  app.agent('listening', { topic: local }, async stream => {
    for await (const { key, value, timestamp } of stream.events()) seen.push(['channel', key, value, timestamp])
  })
  app.agent('echoing', { topic: numbers }, async stream => {
    for await (const n of stream.map(value => value + 1).echo(copies, local, other)) seen.push(['itself', n])
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 1, { key: 'k', timestamp: 77 })
  expect(await stored(app, 'copies')).toMatchObject([{ key: 'k', value: '2', timestamp: 77 }])
  expect(seen).toContainEqual(['channel', 'k', 2, 77])
  expect(seen).toContainEqual(['agent', 'k', 2, 77])
  expect(seen).toContainEqual(['itself', 2])
})

test('a rate limit spaces the events of all actors together, and a restart does not reset it', async () => {
  const app = new App('limited')
  const numbers = app.topic('numbers', { value: count })
  const start = Date.UTC(2025, 0)
  const times: number[] = []
  const clock = app.topic('clock', { value: count })
  app
    .agent('limited', { topic: numbers, concurrency: 3 }, async function* (stream) {
      for await (const n of stream.rateLimit(10, '1s')) {
        yield n
        if (n % 2 === 0) throw new RangeError('even')
      }
    })
    .to(clock)
    .to(() => times.push(times.length))
  await using worker = await testWorker(app, { start })
  for (let n = 0; n < 30; n++) numbers.send(n)
  await worker.advance(0)
  expect(times.length).toBe(1)
  await worker.advance('1s')
  expect(times.length).toBe(11)
  await worker.advance('10s')
  expect(times.length).toBe(30)
})
