import { expect, test } from 'vitest'
import { App, deadLetter, raw, retry, unchecked, type Event, type Topic } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed } from '../fixtures/broker-view.js'

const Order = z.object({ id: z.string(), total: z.number() })
const bytes = { value: unchecked<Uint8Array>(), codec: raw }

class OutOfStock extends Error {
  override readonly name = 'OutOfStock'
}

interface Letter {
  readonly topic: string
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly headers: Record<string, string>
}

test('a dead letter has the original key, bytes, headers and time, and says in headers what happened', async () => {
  const { app, orders, letters } = scene('shop', deadLetter())
  await using worker = await testWorker(app)
  const sent = { id: 'a', total: -1 }
  await worker.send(orders, sent, { key: 'k', partition: 3, timestamp: 1_700_000_000_000, headers: { trace: 'abc' } })
  await worker.send(orders, { id: 'b', total: 5 })
  expect(letters).toEqual([
    {
      topic: 'orders-dead-letters',
      partition: 3,
      key: 'k',
      value: '{"id":"a","total":-1}',
      timestamp: 1_700_000_000_000,
      headers: {
        trace: 'abc',
        '__faust.errors.exception': 'OutOfStock',
        '__faust.errors.message': 'a is gone',
        '__faust.errors.stacktrace': expect.stringMatching(
          /^OutOfStock: a is gone\n +at .*policies-dead-letters\.test\.ts/,
        ) as string,
        '__faust.errors.topic': 'orders',
        '__faust.errors.partition': '3',
        '__faust.errors.offset': '0',
        '__faust.errors.agent': 'selling',
        '__faust.errors.attempts': '1',
      },
    },
  ])
})

test('the bytes of a dead letter are those that came, however the agent’s schema reads them', async () => {
  const app = new App('as-it-came')
  const Placed = z.object({ at: z.coerce.date(), note: z.string().default('none') })
  const orders = app.topic('orders', { value: Placed, partitions: 2 })
  const foreign = app.topic('orders', bytes)
  const letters = watch(app, app.topic('orders-dead-letters', bytes))
  app.agent('selling', { topic: orders, onError: deadLetter() }, async stream => {
    for await (const order of stream) throw new Error(`${order.note} at ${order.at.getTime()}`)
  })
  await using worker = await testWorker(app)
  const text = '{ "at" : "2025-06-01T00:00:00.000Z",  "extra": [1,2] }'
  await worker.send(foreign, Buffer.from(text), { key: Buffer.from([0, 255, 1]) })
  expect(letters.map(({ value, key }) => [value, key])).toEqual([[text, Buffer.from([0, 255, 1]).toString()]])
  expect(letters[0]?.headers['__faust.errors.message']).toBe('none at 1748736000000')
})

test('dead letters go to a topic of your own by key, with the same headers', async () => {
  const app = new App('own-letters')
  const graveyard = app.topic('graveyard', { value: Order, partitions: 1 })
  const { orders } = selling(app, deadLetter(graveyard))
  const letters = watch(app, app.topic('graveyard', bytes))
  await using worker = await testWorker(app)
  await worker.send(orders, { id: 'a', total: -1 }, { key: 'k', partition: 5 })
  await worker.send(orders, { id: 'b', total: -1 })
  expect(await worker.received(graveyard)).toEqual([
    { id: 'a', total: -1 },
    { id: 'b', total: -1 },
  ])
  expect(letters.map(({ key, partition, headers }) => [key, partition, headers['__faust.errors.partition']])).toEqual([
    ['k', 0, '5'],
    [null, 0, expect.any(String)],
  ])
})

test('the default topic has as many partitions as the source, unless you say otherwise', async () => {
  const { app, orders } = scene('partitions', deadLetter(), { partitions: 5 })
  const connection = async () => {
    const opened = await app.connect()
    return { admin: opened.admin, [Symbol.asyncDispose]: () => opened.close() }
  }
  {
    await using worker = await testWorker(app)
    await worker.send(orders, { id: 'a', total: -1 }, { partition: 4 })
    await using broker = await connection()
    expect(await broker.admin.topics(['orders-dead-letters'])).toMatchObject([{ partitions: 5 }])
  }
  const few = new App('few-letters')
  const topic = few.topic('orders', { value: Order, partitions: 5 })
  const letters = watch(few, few.topic('orders-dead-letters', { ...bytes, partitions: 2 }))
  few.agent('selling', { topic, onError: deadLetter() }, async stream => {
    for await (const order of stream) throw new OutOfStock(order.id)
  })
  await using worker = await testWorker(few)
  await worker.send(topic, { id: 'a', total: -1 }, { partition: 4 })
  expect(letters).toMatchObject([{ partition: 0, headers: { '__faust.errors.partition': '4' } }])
})

test('after its tries an event is buried with their number', async () => {
  const { app, orders, letters } = scene('tried', retry({ attempts: 3, backoff: '1s', then: deadLetter() }))
  await using worker = await testWorker(app)
  await worker.send(orders, { id: 'a', total: -1 }, { partition: 0 })
  await worker.advance('1.5s')
  expect(letters).toEqual([])
  // Not settled before it is buried.
  expect(await committed(app, 'orders')).toMatchObject({ 0: 0 })
  await worker.advance('1m')
  expect(await committed(app, 'orders')).toMatchObject({ 0: 1 })
  expect(letters.map(({ headers }) => headers['__faust.errors.attempts'])).toEqual(['3'])
})

test('of a batch that fails every event is buried, and a tombstone stays one', async () => {
  const app = new App('batch-letters')
  const orders = app.topic('orders', { value: Order.nullable(), partitions: 1 })
  const letters = watch(app, app.topic('orders-dead-letters', bytes))
  app.agent('selling', { topic: orders, onError: deadLetter() }, async stream => {
    for await (const _batch of stream.batch(2, { within: '1s' })) throw new OutOfStock('both')
  })
  await using worker = await testWorker(app)
  void orders.send({ id: 'a', total: 1 })
  void orders.send(null, { key: 'gone' })
  await worker.advance('2s')
  expect(letters.map(({ key, value, headers }) => [key, value, headers['__faust.errors.offset']])).toEqual([
    [null, '{"id":"a","total":1}', '0'],
    ['gone', null, '1'],
  ])
})

test('what is thrown need not be an error', async () => {
  const app = new App('odd-throws')
  const words = app.topic('words', { value: z.string(), partitions: 1 })
  const letters = watch(app, app.topic('words-dead-letters', bytes))
  const thrown: Record<string, unknown> = { text: 'just words', nothing: undefined, object: { a: 1 }, bare: Object.create(null) }
  app.agent('odd', { topic: words, onError: deadLetter() }, async stream => {
    // oxlint-disable-next-line typescript/only-throw-error -- what users throw
    for await (const word of stream) throw thrown[word]
  })
  await using worker = await testWorker(app)
  for (const word of Object.keys(thrown)) await worker.send(words, word)
  expect(letters.map(({ headers }) => [headers['__faust.errors.exception'], headers['__faust.errors.message']])).toEqual([
    ['string', 'just words'],
    ['undefined', 'undefined'],
    ['object', expect.any(String)],
    ['object', expect.any(String)],
  ])
})

test('a request that is buried is answered with the error, and its dead letter can be sent again', async () => {
  const app = new App('asked-letter')
  const orders = app.topic('orders', { value: Order, partitions: 1 })
  const letters = watch(app, app.topic('orders-dead-letters', bytes))
  const agent = app.agent('selling', { topic: orders, onError: deadLetter() }, async function* (stream) {
    for await (const order of stream) {
      if (order.total < 0) throw new OutOfStock(order.id)
      yield order.total
    }
  })
  await using worker = await testWorker(app)
  await expect(agent.ask({ id: 'a', total: -1 })).rejects.toMatchObject({ code: 'FAUST_REPLY', remoteName: 'OutOfStock' })
  await worker.advance(0)
  expect(letters).toHaveLength(1)
  expect(letters[0]?.headers['Faust-Ag-CorrelationId']).toMatch(/^[\da-f-]{36}$/)
})

test('a channel’s event is buried too, under the channel’s name', async () => {
  const app = new App('channel-letters')
  const local = app.channel('local', { value: Order, key: z.string() })
  const letters: unknown[] = []
  app.agent('looking', { topic: app.topic('local-dead-letters', { value: Order, key: z.string() }) }, async stream => {
    for await (const { key, value, timestamp, headers } of stream.events())
      letters.push({ key, value, timestamp, headers: inWords(headers) })
  })
  app.agent('selling', { topic: local, onError: deadLetter() }, async stream => {
    for await (const order of stream) throw new OutOfStock(order.id)
  })
  await using worker = await testWorker(app)
  await worker.send(local, { id: 'a', total: 1 }, { key: 'k', timestamp: 1_700_000_000_000, headers: { trace: 'abc' } })
  expect(letters).toEqual([
    {
      key: 'k',
      value: { id: 'a', total: 1 },
      timestamp: 1_700_000_000_000,
      headers: {
        trace: 'abc',
        '__faust.errors.exception': 'OutOfStock',
        '__faust.errors.message': 'a',
        '__faust.errors.topic': 'local',
        '__faust.errors.partition': '-1',
        '__faust.errors.agent': 'selling',
        '__faust.errors.offset': '-1',
        '__faust.errors.stacktrace': expect.any(String) as string,
        '__faust.errors.attempts': '1',
      },
    },
  ])
})

test('a channel’s event that cannot be written stops the worker with what is wrong, rather than be lost', async () => {
  const app = new App('unwritable')
  const local = app.channel('local', { value: unchecked<bigint>() })
  app.agent('failing', { topic: local, onError: deadLetter() }, async stream => {
    for await (const n of stream) throw new Error(String(n))
  })
  await using worker = await testWorker(app)
  await expect(worker.send(local, 10n)).rejects.toMatchObject({ code: 'FAUST_ENCODE' })
})

function scene(id: string, onError: ReturnType<typeof deadLetter>, options: { partitions?: number } = {}) {
  const app = new App(id)
  const { orders } = selling(app, onError, options)
  return { app, orders, letters: watch(app, app.topic('orders-dead-letters', { ...bytes, ...options })) }
}

function selling(app: App, onError: ReturnType<typeof deadLetter>, options: { partitions?: number } = {}) {
  const orders = app.topic('orders', { value: Order, ...options })
  app.agent('selling', { topic: orders, onError }, async stream => {
    for await (const order of stream) if (order.total < 0) throw new OutOfStock(`${order.id} is gone`)
  })
  return { orders }
}

function watch(app: App, topic: Topic<Uint8Array>): Letter[] {
  const seen: Letter[] = []
  app.task(`watch-${topic.name}`, {}, async () => {
    for await (const event of topic.stream().events()) seen.push(letterOf(event))
  })
  return seen
}

function letterOf({ topic, partition, key, value, timestamp, headers }: Event<Uint8Array>): Letter {
  return { topic, partition, key: words(key), value: words(value), timestamp, headers: inWords(headers) }
}

function inWords(headers: Event<unknown>['headers']): Record<string, string> {
  return Object.fromEntries([...headers].map(([name, each]) => [name, words(each) ?? '']))
}

function words(part: Uint8Array | null): string | null {
  return part === null ? null : Buffer.from(part).toString()
}
