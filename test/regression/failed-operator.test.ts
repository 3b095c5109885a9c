import { expect, test } from 'vitest'
import { App, retry } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed } from '../fixtures/broker-view.js'
import { turns } from '../fixtures/pacing.js'

const count = z.number()

function mayThrow(n: number): number {
  if (n === 2) throw new RangeError('no 2')
  return n
}

test('a body that catches what an operator throws goes on: commits, answers, everything', async () => {
  for (const operator of [mayThrow, (n: number): Promise<number> => Promise.resolve(n).then(mayThrow)]) {
    const app = new App('catching', { partitions: 1 })
    const source = app.topic('source', { value: count })
    const agent = app.agent('agent', { topic: source }, async function* (stream) {
      for (;;) {
        try {
          for await (const n of stream.map(operator)) yield n * 10
          return
        } catch {
          // The next one, please.
        }
      }
    })
    await using worker = await testWorker(app)
    await worker.send(source, 1)
    await worker.send(source, 2)
    await worker.send(source, 3)
    expect(await agent.ask(4)).toBe(40)
    await worker.advance('10s')
    expect(await committed(app, 'source')).toEqual({ 0: 4 })
  }
})

test('an event that waits for its turn while another loop fails is handed out once more, and only once', async () => {
  const app = new App('two-loops', { partitions: 1 })
  const source = app.topic('source', { value: count })
  const seen: number[] = []
  let hasFailed = false
  app.agent('agent', { topic: source, onError: retry({ attempts: 3, backoff: '1s' }) }, async stream => {
    const limited = stream.rateLimit(1, '10s')
    const read = async (): Promise<void> => {
      for await (const n of limited) {
        if (n === 1 && !hasFailed) {
          await turns(5)
          hasFailed = true
          throw new RangeError('once')
        }
        seen.push(n)
      }
    }
    await Promise.all([read(), read()])
  })
  await using worker = await testWorker(app)
  await Promise.all([source.send(1), source.send(2)])
  await worker.advance('10m')
  expect(seen.toSorted((left, right) => left - right)).toEqual([1, 2])
  expect(await committed(app, 'source')).toEqual({ 0: 2 })
})

test('a rate that is kept before a hop holds up nobody, also after the actor has failed', async () => {
  const app = new App('limited-hop', { partitions: 1 })
  const source = app.topic('source', { value: count, key: z.string() })
  const middle = app.topic('middle', { value: count, key: z.string() })
  const seen: number[] = []
  let hasFailed = false
  app.agent('agent', { topic: source, onError: retry({ attempts: 3, backoff: '1s' }) }, async stream => {
    for await (const n of stream.rateLimit(1, '1s').through(middle)) {
      if (n === 1 && !hasFailed) {
        hasFailed = true
        throw new RangeError('once')
      }
      seen.push(n)
    }
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(source, n, { key: 'k' })
  await worker.advance('1m')
  expect(seen).toEqual([1, 2, 3])
  for (const n of [4, 5]) await worker.send(source, n, { key: 'k' })
  await worker.advance('1m')
  expect(seen).toEqual([1, 2, 3, 4, 5])
})
