import { expect, test } from 'vitest'
import { App, crash, createLogger } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

const app = new App('plain', { broker: 'memory:' })
const numbers = app.topic('numbers', { value: z.number(), partitions: 1 })

async function firstOf(stream: AsyncIterable<number>): Promise<number> {
  for await (const n of stream) return n
  throw new Error('the stream has ended')
}

test('a worker does not wait for the event that a plain loop was left on, and goes on behind it', async () => {
  // Keeps the broker alive between the two workers.
  await using _client = await app.client()
  const first = await app.start()
  await numbers.send(1)
  await numbers.send(2)
  expect(await firstOf(numbers.stream())).toBe(1)
  await first.stop()

  await using _second = await app.start()
  expect(await firstOf(numbers.stream())).toBe(2)
})

test('a worker that fails does not wait for it either', async () => {
  const logger = await createLogger({ level: 'silent', format: 'json' })
  const failing = new App('plain-and-failing', { broker: 'memory:failing', logger })
  const source = failing.topic('source', { value: z.number() })
  const agent = failing.agent('agent', { value: z.number(), onError: crash() }, async stream => {
    for await (const n of stream) throw new RangeError(`no ${n}`)
  })
  const running = await failing.start()
  await source.send(1)
  expect(await firstOf(source.stream())).toBe(1)
  agent.cast(13)
  await expect(running.stopped).rejects.toThrow(/no 13/)
})

test('a test goes on while a plain loop has been left', async () => {
  await using worker = await testWorker(app)
  const stream = numbers.stream()
  await worker.send(numbers, 1)
  expect(await firstOf(stream)).toBe(1)
  await worker.send(numbers, 2)
  await worker.advance('1m')
  expect(await firstOf(stream)).toBe(2)
})
