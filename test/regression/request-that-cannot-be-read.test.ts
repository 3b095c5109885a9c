import { expect, test } from 'vitest'
import { App, ReplyError } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

const app = new App('picky')
const orders = app.topic('orders', { key: z.string(), value: z.number(), partitions: 1 })
const doubling = app.agent('doubling', { topic: orders }, async function* (stream) {
  for await (const n of stream) yield n * 2
})
const untyped = app.remote<typeof doubling>('orders') as unknown as {
  ask: (value: unknown, options?: object) => Promise<unknown>
}

test('whoever asks without the key that the topic wants hears so', async () => {
  await using _worker = await testWorker(app)
  const asked = doubling.ask(1)
  await expect(asked).rejects.toBeInstanceOf(ReplyError)
  await expect(asked).rejects.toThrow(/DecodeError: Cannot decode the key of "orders"\[0\]@0: expected string, got null/)
  expect(await doubling.ask(2, { key: 'k' })).toBe(4)
})

test('whoever asks with a value that does not fit hears so', async () => {
  await using _worker = await testWorker(app)
  await expect(untyped.ask('text', { key: 'k' })).rejects.toThrow(/DecodeError: Cannot decode the value of "orders"\[0\]@0/)
})
