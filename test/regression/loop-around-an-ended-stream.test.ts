import { expect, test } from 'vitest'
import { App, oneForAll } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { until } from '../fixtures/pacing.js'

// A body that starts its loop again whenever it has ended never let go: it spun, and nothing else ran any more.

const count = z.number()

test('an agent that loops around its loop ends when its worker stops', async () => {
  const app = new App('loop-around')
  const agent = app.agent('looping', { value: count }, async function* (stream) {
    for (;;) {
      for await (const n of stream) {
        yield n
        break
      }
    }
  })
  {
    await using _worker = await testWorker(app)
    expect(await agent.ask(1)).toBe(1)
    expect(await agent.ask(2)).toBe(2)
  }
  expect(app.describe().agents[0]).toMatchObject({ running: 0, failed: 0 })
})

test('such an agent is replaced by oneForAll like any other, which costs one restart', async () => {
  const app = new App('loop-around-replaced')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  let started = 0
  const supervisor = oneForAll({ restarts: 1, within: '1m' })
  app.agent('looping', { topic: numbers, concurrency: 2, supervisor }, async stream => {
    started++
    for (;;) for await (const n of stream) if (n < 0) throw new Error('negative')
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, -1)
  expect(started).toBe(4)
  expect(app.describe().agents[0]).toMatchObject({ running: 2, failed: 1, restarted: 2 })
})

test('a task that loops around its loop ends too', async () => {
  const app = new App('loop-around-task')
  const numbers = app.topic('numbers', { value: count })
  const seen: number[] = []
  app.task('looping', {}, async () => {
    for (;;) for await (const n of numbers.stream()) seen.push(n)
  })
  const worker = await testWorker(app)
  await worker.send(numbers, 1)
  await until(() => seen.length === 1)
  await worker[Symbol.asyncDispose]()
})
