import { expect, test } from 'vitest'
import { App, json, msgpack, raw, text, unchecked } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { seededRandom } from '../../src/lib/random.js'
import { stored } from '../fixtures/broker-view.js'

const count = z.number()

test('keys arrive as they were sent: text, numbers, objects', async () => {
  const app = new App('keys')
  const seen: unknown[] = []
  const keys = [
    app.topic('by-text', { value: count, key: z.string() }),
    app.topic('by-number', { value: count, key: count }),
    app.topic('by-object', { value: count, key: z.object({ shop: z.string(), id: count }) }),
    app.topic('by-codec', { value: count, key: z.string(), keyCodec: json }),
  ] as const
  const look = async (stream: { entries(): AsyncIterable<[unknown, number]> }): Promise<void> => {
    for await (const [key] of stream.entries()) seen.push(key)
  }
  app.agent('by-text', { topic: keys[0] }, look)
  app.agent('by-number', { topic: keys[1] }, look)
  app.agent('by-object', { topic: keys[2] }, look)
  app.agent('by-codec', { topic: keys[3] }, look)
  await using worker = await testWorker(app)
  await worker.send(keys[0], 1, { key: '42' })
  await worker.send(keys[1], 1, { key: 42 })
  await worker.send(keys[2], 1, { key: { shop: 's', id: 7 } })
  await worker.send(keys[3], 1, { key: 'k' })
  expect(seen).toEqual(['42', 42, { shop: 's', id: 7 }, 'k'])
  const bytes = await Promise.all(['by-text', 'by-number', 'by-object', 'by-codec'].map(name => stored(app, name)))
  expect(bytes.flat().map(({ key }) => key)).toEqual(['42', '42', '{"id":7,"shop":"s"}', '"k"'])
})

test('without a schema a key is sent as text or bytes and read as bytes, or is null', async () => {
  const app = new App('raw-keys', { partitions: 1 })
  const numbers = app.topic('numbers', { value: count })
  const seen: unknown[] = []
  app.agent('look', { topic: numbers }, async stream => {
    for await (const { key } of stream.events()) seen.push(key === null ? null : [...key])
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 1, { key: 'ä' })
  await worker.send(numbers, 1, { key: Buffer.from([0xff, 0x00]) })
  await worker.send(numbers, 1, { key: null })
  await worker.send(numbers, 1)
  expect(seen).toEqual([[0xc3, 0xa4], [0xff, 0x00], null, null])
})

test('a key’s partition is the one that the Java client chooses, and keyless messages take turns', async () => {
  const app = new App('placing', { partitions: 4 })
  const numbers = app.topic('numbers', { value: count, key: z.string().nullable() })
  await using worker = await testWorker(app)
  // The hashes that Kafka's own tests expect of Utils.murmur2; the partition is toPositive(hash) % 4.
  const hashes = { '21': -973_932_308, foobar: -790_332_482, 'a-little-bit-long-string': -985_981_536, abc: 479_470_107 }
  for (const [key, hash] of Object.entries(hashes)) {
    expect((await numbers.send(1, { key })).partition).toBe((hash & 0x7fffffff) % 4)
  }
  const turns = [1, 2, 3, 4, 5].map(async n => (await numbers.send(n)).partition)
  expect(await Promise.all(turns)).toEqual([0, 1, 2, 3, 0])
  expect(await numbers.send(1, { key: 'abc', partition: 1 })).toEqual({
    topic: 'numbers',
    partition: 1,
    offset: expect.any(Number),
  })
  await worker.advance(0)
})

test.for([false, true])('programs that send but one message do not all fill partition 0 (as a worker: %o)', async isWorker => {
  const random = seededRandom(1)
  const seen = new Set<number>()
  for (let program = 0; program < 20; program++) {
    const app = new App('brief', { partitions: 4, broker: `memory:brief-${program}` })
    using _world = app.override({ random })
    const numbers = app.topic('numbers', { value: count })
    const running = isWorker ? await app.start() : null
    const first = await numbers.send(1)
    expect((await numbers.send(2)).partition).toBe((first.partition + 1) % 4)
    seen.add(first.partition)
    await running?.stop()
    await app[Symbol.asyncDispose]()
  }
  expect(seen).toEqual(new Set([0, 1, 2, 3]))
})

test('headers arrive as bytes under their names; a message without any has none', async () => {
  const app = new App('headers', { partitions: 1 })
  const numbers = app.topic('numbers', { value: count })
  const seen: unknown[] = []
  app.agent('look', { topic: numbers }, async stream => {
    for await (const { headers } of stream.events())
      seen.push([...headers].map(([name, value]) => [name, Buffer.from(value).toString()]))
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 1, { headers: { trace: 'abc', 'x-ümlaut': 'ä€' } })
  await worker.send(numbers, 2)
  expect(seen).toEqual([
    [
      ['trace', 'abc'],
      ['x-ümlaut', 'ä€'],
    ],
    [],
  ])
})

test('a null value is a tombstone on the broker and null in the agent', async () => {
  const app = new App('tombstones', { partitions: 1 })
  const users = app.topic('users', { value: z.object({ name: z.string() }).nullable(), key: z.string() })
  const seen: unknown[] = []
  app.agent('look', { topic: users }, async stream => {
    for await (const entry of stream.entries()) seen.push(entry)
  })
  await using worker = await testWorker(app)
  await worker.send(users, { name: 'Ada' }, { key: 'a' })
  await worker.send(users, null, { key: 'a' })
  expect(seen).toEqual([
    ['a', { name: 'Ada' }],
    ['a', null],
  ])
  expect((await stored(app, 'users')).map(({ value }) => value)).toEqual(['{"name":"Ada"}', null])
})

test('an event’s time is the message’s, or what the topic makes of the value, also behind a sink', async () => {
  const app = new App('times', { partitions: 1 })
  const start = Date.UTC(2025, 0)
  const numbers = app.topic('numbers', { value: count })
  const Placed = z.object({ at: z.coerce.date() }).nullable()
  const placed = app.topic('placed', { value: Placed, timestamp: value => value?.at ?? 0 })
  const copies = app.topic('copies', { value: unchecked<unknown>() })
  const seen: unknown[] = []
  const look = async function* (stream: { events(): AsyncIterable<{ timestamp: number }> }) {
    for await (const { timestamp } of stream.events()) {
      seen.push(timestamp - start)
      yield 'seen'
    }
  }
  app.agent('numbers', { topic: numbers }, look).to(copies)
  app.agent('placed', { topic: placed }, look).to(copies)
  await using worker = await testWorker(app, { start })
  await worker.advance(500)
  await worker.send(numbers, 1)
  await worker.send(numbers, 2, { timestamp: start + 77 })
  await worker.send(placed, { at: new Date(start - 1000) })
  await worker.send(placed, null)
  expect(seen).toEqual([500, 77, -1000, 500])
  expect((await stored(app, 'copies')).map(({ timestamp }) => timestamp - start)).toEqual([500, 77, -1000, 500])
})

test('codecs change the bytes and nothing else', async () => {
  const app = new App('codecs', { partitions: 1, codec: msgpack })
  const seen: unknown[] = []
  const look = async (stream: AsyncIterable<unknown>): Promise<void> => {
    for await (const value of stream) seen.push(value)
  }
  const packed = app.topic('packed', { value: unchecked<{ cents: bigint }>(), codec: msgpack })
  const plain = app.topic('plain', { value: z.string(), codec: text })
  const bytes = app.topic('bytes', { value: unchecked<Uint8Array>(), codec: raw })
  const whatever = app.topic('whatever')
  app.agent('packed', { topic: packed }, look)
  app.agent('plain', { topic: plain }, look)
  app.agent('bytes', { topic: bytes }, look)
  app.agent('whatever', { topic: whatever }, look)
  await using worker = await testWorker(app)
  await worker.send(packed, { cents: 2n ** 60n })
  await worker.send(plain, 'just text')
  await worker.send(bytes, Buffer.from([0, 255]))
  await worker.send(whatever, new Map([['a', 1]]))
  expect(seen.slice(0, 2)).toEqual([{ cents: 2n ** 60n }, 'just text'])
  expect([...(seen[2] as Uint8Array)]).toEqual([0, 255])
  expect(await stored(app, 'plain')).toMatchObject([{ value: 'just text' }])
})
