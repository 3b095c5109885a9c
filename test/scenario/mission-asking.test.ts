// Using agents, as in Faust's guide: cast, ask, send with replyTo, map, join and their kin.
import { expect, expectTypeOf, test } from 'vitest'
import { App, ReplyError } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

const Add = z.object({ a: z.number(), b: z.number() })

const app = new App('using-agents')
const seen: number[] = []
const adder = app
  .agent('adder', { value: Add }, async function* (stream) {
    for await (const { a, b } of stream) yield a + b
  })
  .to(sum => seen.push(sum))
const doubled = app.topic('doubled', { key: z.string(), value: z.number() })
const anotherAgent = app
  .agent('another-agent', { value: z.number(), key: z.string() }, async function* (stream) {
    for await (const n of stream) yield n * 2
  })
  .to(doubled)
const results = app.topic('results', { key: z.string(), value: z.number() })
const pow2 = app.agent('pow2', { value: z.number() }, async function* (stream) {
  for await (const n of stream) {
    if (n < 0) throw new RangeError('negative')
    yield n * n
  }
})
const keys: string[] = []
const byKey = app.agent('by-key', { value: z.number(), key: z.string() }, async function* (stream) {
  for await (const [key, n] of stream.entries()) {
    keys.push(key)
    yield `${key}: ${n * n}`
  }
})

test('a cast is passive: the agent receives it and does not reply', async () => {
  await using worker = await testWorker(app)
  seen.length = 0
  const sent = await adder.cast({ a: 2, b: 2 })
  expectTypeOf(sent).toBeVoid()
  await worker.advance('1s')
  expect(seen).toEqual([4])
})

test('an ask is answered', async () => {
  await using _worker = await testWorker(app)
  const value = await adder.ask({ a: 2, b: 2 })
  expectTypeOf(value).toBeNumber()
  expect(value).toBe(4)
})

test('send has the reply go to another agent', async () => {
  await using worker = await testWorker(app)
  await adder.send({ a: 2, b: 2 }, { key: 'k', replyTo: anotherAgent })
  await worker.advance('1s')
  expect(await worker.received(doubled)).toEqual([8])
})

test('send has the reply go to a topic, as the bare value, for whatever system reads it', async () => {
  await using worker = await testWorker(app)
  await adder.send({ a: 2, b: 3 }, { key: 'k', replyTo: results, correlationId: 'request-1' })
  await worker.advance('1s')
  expect(await worker.received(results)).toEqual([5])
})

test('map yields the replies as they come', async () => {
  await using _worker = await testWorker(app)
  const replies: number[] = []
  for await (const reply of pow2.map([1, 2, 3, 4, 5, 6, 7, 8])) replies.push(reply)
  expect(replies.sort((left, right) => left - right)).toEqual([1, 4, 9, 16, 25, 36, 49, 64])
})

test('map takes asynchronous and endless input', async () => {
  await using _worker = await testWorker(app)
  let given = 0
  async function* endless(): AsyncGenerator<number> {
    for (;;) yield given++
  }
  let taken = 0
  for await (const _reply of pow2.map(endless())) if (++taken === 1500) break
  expect(given).toBeGreaterThanOrEqual(1500)
  expect(given).toBeLessThanOrEqual(2501)
})

test('kvmap is map over pairs of key and value', async () => {
  await using _worker = await testWorker(app)
  keys.length = 0
  const replies: string[] = []
  const pairs = new Map([
    ['k1', 1],
    ['k2', 2],
    ['k3', 3],
  ])
  for await (const reply of byKey.kvmap(pairs)) replies.push(reply)
  expect(replies.sort()).toEqual(['k1: 1', 'k2: 4', 'k3: 9'])
  expect(keys.sort()).toEqual(['k1', 'k2', 'k3'])
})

test('join waits for all replies and returns them in the order of the values', async () => {
  await using _worker = await testWorker(app)
  expect(await pow2.join([1, 2, 3, 4, 5, 6, 7, 8])).toEqual([1, 4, 9, 16, 25, 36, 49, 64])
  expect(await pow2.join([])).toEqual([])
})

test('kvjoin is join over pairs of key and value', async () => {
  await using _worker = await testWorker(app)
  expect(
    await byKey.kvjoin([
      ['k2', 2],
      ['k1', 1],
      ['k2', 3],
    ]),
  ).toEqual(['k2: 4', 'k1: 1', 'k2: 9'])
})

test('the first item that fails rejects a join, and says which it was', async () => {
  await using _worker = await testWorker(app)
  const joined = pow2.join([1, 2, -3, 4])
  await expect(joined).rejects.toBeInstanceOf(ReplyError)
  await expect(joined).rejects.toMatchObject({ index: 2, remoteName: 'RangeError' })
})
