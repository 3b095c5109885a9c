import { expect, test } from 'vitest'
import { App } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

const app = new App('first')
const Add = z.object({ a: z.number(), b: z.number() })
const additions = app.topic('adding', { value: Add })
const log = app.topic('log', { value: z.number() })
const adding = app
  .agent('adding', { topic: additions }, async function* (stream) {
    for await (const { a, b } of stream) yield a + b
  })
  .to(log)
const silent = app.agent('moves-on', { value: z.number() }, async function* (stream) {
  for await (const n of stream) if (n > 1e9) yield n
})
const failing = app.agent('failing', { value: z.number() }, async function* (stream) {
  for await (const n of stream) {
    if (n === 13) throw new RangeError('unlucky')
    yield n
  }
})

test('adds what it is asked to add', async () => {
  await using worker = await testWorker(app)
  expect(await adding.ask({ a: 4, b: 4 })).toBe(8)
  await worker.send(additions, { a: 1, b: 2 })
  expect(await worker.received(log)).toEqual([8, 3])
})

test('an agent that moves on without yielding answers NoReplyError', async () => {
  await using _worker = await testWorker(app)
  await expect(silent.ask(3)).rejects.toThrow(/went on without an answer/)
  await expect(failing.ask(13)).rejects.toThrow(/unlucky/)
  expect(await failing.ask(14)).toBe(14)
})

test('an ask that nobody is left to answer is given up at once', async () => {
  await using _worker = await testWorker(app)
  const gone = app.remote<typeof adding>('nobody-reads-this')
  await expect(gone.ask({ a: 1, b: 1 })).rejects.toMatchObject({ code: 'FAUST_ASK_TIMEOUT' })
})

test('three workers share one topic', async () => {
  await using worker = await testWorker(app, { workers: 3 })
  expect((await adding.join(Array.from({ length: 200 }, (_, a) => ({ a, b: 1 })))).length).toBe(200)
  await worker.advance('1m')
  expect((await worker.received(log)).length).toBe(200)
})
