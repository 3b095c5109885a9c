import { expect, test } from 'vitest'
import { App, crash, deadLetter, raw, unchecked, type DecodePolicy } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed, stored } from '../fixtures/broker-view.js'
import { logTo } from '../fixtures/log.js'

const Order = z.object({ id: z.string(), total: z.number() })
const good = { id: 'o1', total: 5 }

/** An app that reads orders, and a way to send it anything. */
function ordersOf(id: string, onDecodeError?: DecodePolicy) {
  const lines: string[] = []
  const app = new App(id, { partitions: 1, logger: logTo(lines) })
  const orders = app.topic('orders', { value: Order, key: z.string(), ...(onDecodeError === undefined ? {} : { onDecodeError }) })
  const bytes = app.topic('orders', { value: unchecked<Uint8Array>(), codec: raw })
  const seen: unknown[] = []
  app.agent('reading', { topic: orders }, async stream => {
    for await (const order of stream) seen.push(order)
  })
  return { app, orders, bytes, seen }
}

test('what cannot be decoded is skipped and committed, and what is around it is handed out', async () => {
  const { app, orders, bytes, seen } = ordersOf('skipping')
  await using worker = await testWorker(app)
  await worker.send(orders, good, { key: 'k' })
  for (const text of ['{', '"a string"', '{"id":"o2"}']) await worker.send(bytes, Buffer.from(text), { key: 'k' })
  await worker.send(orders, { ...good, id: 'o3' }, { key: 'k' })
  expect(seen).toEqual([good, { ...good, id: 'o3' }])
  await worker.advance('2s')
  expect(await committed(app, 'orders')).toEqual({ 0: 5 })
})

test('a dead letter has the bytes and the headers exactly as they came', async () => {
  const { app, orders, bytes, seen } = ordersOf('burying', deadLetter())
  const graves = app.topic('orders-dead-letters', { value: unchecked<Uint8Array>(), codec: raw })
  await using worker = await testWorker(app)
  const broken = Buffer.from([0x7b, 0xff, 0xfe])
  await worker.send(bytes, broken, { key: Buffer.from([0xfd]), timestamp: 77, headers: { trace: 't' } })
  await worker.send(orders, good, { key: 'k' })
  expect(seen).toEqual([good])
  expect((await worker.received(graves)).map(value => Buffer.from(value))).toEqual([broken])
  const [grave] = await stored(app, 'orders-dead-letters')
  const { '__faust.errors.stacktrace': stack, ...headers } = grave?.headers ?? {}
  expect(grave).toMatchObject({ partition: 0, timestamp: 77 })
  expect(headers).toMatchObject({
    trace: 't',
    '__faust.errors.exception': 'DecodeError',
    '__faust.errors.topic': 'orders',
    '__faust.errors.partition': '0',
    '__faust.errors.offset': '0',
    '__faust.errors.agent': '',
    '__faust.errors.attempts': '1',
  })
  expect(headers['__faust.errors.message']).toContain('Cannot decode the value of "orders"[0]@0')
  expect(stack).toContain('DecodeError')
})

test('dead letters go to the partition they came from, or round where there are fewer', async () => {
  for (const declared of [undefined, 2]) {
    const app = new App('spreading', { partitions: 4 })
    const orders = app.topic('orders', { value: Order, onDecodeError: deadLetter() })
    const bytes = app.topic('orders', { value: unchecked<Uint8Array>(), codec: raw })
    if (declared !== undefined) app.topic('orders-dead-letters', { value: unchecked(), partitions: declared })
    app.agent('reading', { topic: orders }, async stream => {
      for await (const _ of stream) void _
    })
    await using worker = await testWorker(app)
    for (const partition of [0, 1, 2, 3]) await worker.send(bytes, Buffer.from('{'), { partition })
    const graves = await stored(app, 'orders-dead-letters')
    expect(graves.map(({ partition }) => partition)).toEqual(declared === undefined ? [0, 1, 2, 3] : [0, 0, 1, 1])
    await worker.advance('2s')
    expect(await committed(app, 'orders')).toEqual({ 0: 1, 1: 1, 2: 1, 3: 1 })
  }
})

test('crash stops the worker with the message uncommitted, in a loop and in a batch', async () => {
  for (const how of ['loop', 'batch'] as const) {
    const app = new App('crashing', { partitions: 1 })
    const orders = app.topic('orders', { value: Order, onDecodeError: how === 'loop' ? 'crash' : crash() })
    const bytes = app.topic('orders', { value: unchecked<Uint8Array>(), codec: raw })
    const seen: unknown[] = []
    app.agent('reading', { topic: orders }, async stream => {
      if (how === 'loop') for await (const order of stream) seen.push(order)
      else for await (const batch of stream.batch(10, { within: '1s' })) seen.push(...batch)
    })
    await using worker = await testWorker(app)
    await worker.send(orders, good)
    bytes.send(Buffer.from('{'))
    await expect(worker.send(orders, good)).rejects.toMatchObject({
      code: 'FAUST_DECODE',
      topic: 'orders',
      offset: 1,
      part: 'value',
    })
    await worker[Symbol.asyncDispose]()
    expect(seen).toEqual([good])
  }
})

test('after a crash the message is the next to be read', async () => {
  const { app, orders, bytes } = ordersOf('uncommitted', 'crash')
  await using worker = await testWorker(app)
  await worker.send(orders, good, { key: 'k' })
  await expect(worker.send(bytes, Buffer.from('{'), { key: 'k' })).rejects.toThrow(/Cannot decode/)
  expect(await committed(app, 'orders')).toEqual({ 0: 1 })
})

test('a function is told what came, where and why; then the event is skipped', async () => {
  const told: unknown[] = []
  const { app, orders, bytes, seen } = ordersOf('telling', async (error, value, at) => {
    await Promise.resolve()
    told.push([error.name, value === null ? null : Buffer.from(value).toString(), at])
  })
  await using worker = await testWorker(app)
  await worker.send(bytes, Buffer.from('{'), { key: 'k' })
  await worker.send(orders, null as unknown as typeof good, { key: 'k' })
  await worker.send(orders, good, { key: 'k' })
  expect(seen).toEqual([good])
  expect(told).toEqual([
    ['DecodeError', '{', { topic: 'orders', partition: 0, offset: 0 }],
    ['DecodeError', null, { topic: 'orders', partition: 0, offset: 1 }],
  ])
  await worker.advance('2s')
  expect(await committed(app, 'orders')).toEqual({ 0: 3 })
})

test('what the function throws, at once or later, stops the worker with the message uncommitted', async () => {
  const policies: DecodePolicy[] = [
    () => {
      throw new RangeError('cannot cope')
    },
    async () => await Promise.reject(new RangeError('cannot cope')),
  ]
  for (const policy of policies) {
    const { app, orders, bytes, seen } = ordersOf('throwing', policy)
    await using worker = await testWorker(app)
    await worker.send(orders, good, { key: 'k' })
    await expect(worker.send(bytes, Buffer.from('{'), { key: 'k' })).rejects.toThrow('cannot cope')
    expect([seen, await committed(app, 'orders')]).toEqual([[good], { 0: 1 }])
  }
})

test('a key that cannot be read follows the policy too', async () => {
  const app = new App('keys', { partitions: 1 })
  const orders = app.topic('orders', { value: Order, key: z.number(), onDecodeError: deadLetter() })
  const bytes = app.topic('orders', { value: Order })
  const seen: unknown[] = []
  app.agent('reading', { topic: orders }, async stream => {
    for await (const { key } of stream.events()) seen.push(key)
  })
  await using worker = await testWorker(app)
  await worker.send(bytes, good, { key: 'not a number' })
  await worker.send(orders, good, { key: 7 })
  expect(seen).toEqual([7])
  const [grave] = await stored(app, 'orders-dead-letters')
  expect(grave?.key).toBe('not a number')
  expect(grave?.headers['__faust.errors.message']).toContain('Cannot decode the key of "orders"[0]@0')
})

test('an asynchronous schema decides in its own time, in order', async () => {
  const app = new App('late', { partitions: 1 })
  const Known = z.string().refine(async name => {
    await Promise.resolve()
    return name !== 'unknown'
  }, 'nobody knows it')
  const names = app.topic('names', { value: Known, onDecodeError: deadLetter() })
  const seen: unknown[] = []
  const agent = app.agent('greeting', { topic: names }, async function* (stream) {
    for await (const name of stream) {
      seen.push(name)
      yield `hello ${name}`
    }
  })
  await using worker = await testWorker(app)
  for (const name of ['a', 'unknown', 'b']) await worker.send(names, name)
  expect(await agent.ask('c')).toBe('hello c')
  expect(seen).toEqual(['a', 'b', 'c'])
  const [grave] = await stored(app, 'names-dead-letters')
  expect(grave?.headers['__faust.errors.message']).toContain('nobody knows it')
})

test('an agent that cannot decode a message does not take it from those who can', async () => {
  const app = new App('several', { partitions: 1 })
  const words = app.topic('mixed', { value: z.string() })
  const numbers = app.topic('mixed', { value: z.number(), onDecodeError: deadLetter() })
  const seen: unknown[] = []
  app.agent('words', { topic: words }, async stream => {
    for await (const word of stream) seen.push(word)
  })
  app.agent('numbers', { topic: numbers }, async stream => {
    for await (const n of stream) seen.push(n)
  })
  app.agent('numbers-too', { topic: numbers }, async stream => {
    for await (const n of stream.map(value => -value)) seen.push(n)
  })
  await using worker = await testWorker(app)
  await worker.send(words, 'a')
  await worker.send(numbers, 1)
  await worker.send(words, 'b')
  expect(seen.filter(value => typeof value === 'string')).toEqual(['a', 'b'])
  expect(seen.filter(value => typeof value === 'number').toSorted((a, b) => a - b)).toEqual([-1, 1])
  expect((await stored(app, 'mixed-dead-letters')).map(({ value }) => value)).toEqual(['"a"', '"b"'])
  await worker.advance('2s')
  expect(await committed(app, 'mixed')).toEqual({ 0: 3 })
})

test('a request that cannot be decoded does not hold up the next one', async () => {
  const app = new App('asked', { partitions: 1 })
  const agent = app.agent('doubling', { value: z.number() }, async function* (stream) {
    for await (const n of stream) yield n * 2
  })
  await using _worker = await testWorker(app)
  const refused = agent.ask('x' as unknown as number)
  await Promise.all([expect(refused).rejects.toThrow(), expect(agent.ask(2)).resolves.toBe(4)])
})
