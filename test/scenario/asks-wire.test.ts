import { expect, test } from 'vitest'
import { App, raw, unchecked, type Event, type Topic } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { sorted } from '../fixtures/sorted.js'

// The bytes are Python Faust's, as it puts them on the wire, but for a bytes key: b'k2' cannot be read back.

const count = z.number()
const Add = z.object({ a: z.number(), b: z.number() })

test('a cast is the bare value under its key, with no headers', async () => {
  const { app, adding, watch } = scene('cast')
  const seen = watch(app.topic('cast-adding', bytes))
  await using worker = await testWorker(app)
  await worker.send(adding, { a: 1, b: 2 }, { key: 'k1' })
  await worker.send(adding, { a: 1, b: 2 })
  expect(seen).toEqual([
    { key: 'k1', value: '{"a":1,"b":2}', headers: {} },
    { key: null, value: '{"a":1,"b":2}', headers: {} },
  ])
})

test('an ask is the bare value too: where the answer goes stands in headers', async () => {
  const { app, adding, watch } = scene('request')
  const seen = watch(app.topic('request-adding', bytes))
  await using _worker = await testWorker(app)
  const mine = { 'Faust-Ag-ReplyTo': 'elsewhere', trace: 'abc' }
  expect(await adding.ask({ a: 3, b: 4 }, { key: 'k2', correlationId: 'the-id', headers: mine })).toBe(7)
  expect(seen).toEqual([
    {
      key: 'k2',
      value: '{"a":3,"b":4}',
      headers: {
        trace: 'abc',
        'Faust-Ag-ReplyTo': expect.stringMatching(/^f-reply-request-[\da-f-]{36}$/) as string,
        'Faust-Ag-CorrelationId': 'the-id',
        'Faust-Ag-ErrorReplies': '1',
      },
    },
  ])
  // What the caller passed stays the caller's.
  expect(mine).toEqual({ 'Faust-Ag-ReplyTo': 'elsewhere', trace: 'abc' })
})

test('a reply is Python’s record under no key and with no headers', async () => {
  const { app, adding, watch } = scene('reply')
  const seen = watch(app.topic('python-replies', { ...bytes, partitions: 1 }))
  await using worker = await testWorker(app)
  await worker.send(adding, { a: 3, b: 4 }, { key: 'k2', headers: asked('b65aab2c') })
  await worker.send(adding, { a: 3, b: 5 }, { headers: asked('c0ffee') })
  expect(seen).toEqual([
    {
      key: null,
      value: '{"key":"k2","value":7,"correlation_id":"b65aab2c","__faust":{"ns":"@ReqRepResponse"}}',
      headers: {},
    },
    { key: null, value: '{"key":null,"value":8,"correlation_id":"c0ffee","__faust":{"ns":"@ReqRepResponse"}}', headers: {} },
  ])
})

test('the key of a reply is the request’s key as the agent reads it', async () => {
  const app = new App('reply-key')
  const watch = watcher(app)
  const Order = z.object({ account: z.string(), amount: z.number() })
  const requests = app.topic('requests', { value: Order, key: Order })
  app.agent('echoing', { topic: requests }, async function* (stream) {
    for await (const order of stream) yield order
  })
  const seen = watch(app.topic('python-replies', { ...bytes, partitions: 1 }))
  await using worker = await testWorker(app)
  const [key, value] = [
    { amount: 1, account: 'kk' },
    { account: 'a1', amount: 9 },
  ]
  await worker.send(requests, value, { key, headers: asked('id') })
  expect(seen[0]?.value).toBe(
    '{"key":{"account":"kk","amount":1},"value":{"account":"a1","amount":9},"correlation_id":"id","__faust":{"ns":"@ReqRepResponse"}}',
  )
})

test('an asker that does not say it understands errors gets none, and no value is null to it', async () => {
  const app = new App('no-errors')
  const watch = watcher(app)
  const requests = app.topic('requests', { value: z.string(), partitions: 1 })
  app.agent('moody', { topic: requests }, async function* (stream) {
    for await (const what of stream) {
      if (what === 'throw') throw new RangeError('no')
      if (what === 'undefined') yield undefined
      if (what === 'null') yield null
    }
  })
  const seen = watch(app.topic('python-replies', { ...bytes, partitions: 1 }))
  await using worker = await testWorker(app)
  for (const what of ['throw', 'silent', 'undefined', 'null']) await worker.send(requests, what, { headers: asked(what) })
  const record = (id: string): string => `{"key":null,"value":null,"correlation_id":"${id}","__faust":{"ns":"@ReqRepResponse"}}`
  expect(seen.map(({ value }) => value)).toEqual([record('undefined'), record('null')])
})

test('an asker that understands errors is told the name and message', async () => {
  const app = new App('errors')
  const watch = watcher(app)
  const requests = app.topic('requests', { value: z.string(), partitions: 1 })
  app.agent('moody', { topic: requests }, async function* (stream) {
    for await (const what of stream) {
      if (what === 'throw') throw new RangeError('no')
      if (what === 'undefined') yield undefined
      // Answered: what comes after is no business of the asker's.
      if (what === 'undefined') throw new RangeError('afterwards')
    }
  })
  const seen = watch(app.topic('python-replies', { ...bytes, partitions: 1 }))
  await using worker = await testWorker(app)
  for (const what of ['throw', 'silent', 'undefined']) {
    await worker.send(requests, what, { key: 'k', headers: { ...asked(what), 'Faust-Ag-ErrorReplies': '1' } })
  }
  expect(seen.map(({ value }) => JSON.parse(value ?? '') as unknown)).toEqual([
    {
      key: 'k',
      value: null,
      correlation_id: 'throw',
      error: { kind: 'error', name: 'RangeError', message: 'no' },
      __faust: { ns: '@ReqRepResponse' },
    },
    {
      key: 'k',
      value: null,
      correlation_id: 'silent',
      error: { kind: 'no-reply', name: 'NoReplyError', message: expect.stringContaining('request silent') as string },
      __faust: { ns: '@ReqRepResponse' },
    },
    { key: 'k', correlation_id: 'undefined', __faust: { ns: '@ReqRepResponse' } },
  ])
})

test('send with replyTo has the bare value sent on under the event’s key, with the correlation id as a header', async () => {
  const { app, adding, watch } = scene('reply-to')
  const reports = app.topic('reports', { value: count })
  const seen = watch(app.topic('reports', bytes))
  const requests = watch(app.topic('reply-to-adding', bytes))
  await using worker = await testWorker(app)
  await adding.send({ a: 2, b: 2 }, { key: 'k', replyTo: reports, correlationId: 'mine' })
  await adding.send({ a: 2, b: 3 }, { replyTo: reports })
  await worker.advance(0)
  expect(await worker.received(reports)).toEqual([4, 5])
  expect(sorted(seen)).toEqual([
    { key: 'k', value: '4', headers: { 'Faust-Ag-CorrelationId': 'mine' } },
    { key: null, value: '5', headers: { 'Faust-Ag-CorrelationId': expect.stringMatching(/^[\da-f-]{36}$/) as string } },
  ])
  expect(requests.map(({ headers }) => headers)).toContainEqual({
    'Faust-Ag-ReplyTo': 'reports',
    'Faust-Ag-CorrelationId': 'mine',
    'Faust-Ag-ReplyFormat': 'value',
  })
})

test('the reply of a send may go to another agent, which gets it as a value of its own', async () => {
  const { app, adding } = scene('reply-to-agent')
  const seen: unknown[] = []
  const storing = app.agent('storing', { value: count, key: z.string() }, async stream => {
    for await (const { key, value } of stream.events()) seen.push([key, value])
  })
  await using worker = await testWorker(app)
  await adding.send({ a: 20, b: 22 }, { key: 'k', replyTo: storing })
  await worker.advance(0)
  expect(seen).toEqual([['k', 42]])
})

test('only the first yield goes to the reply address, and an event that fails sends nothing there', async () => {
  const app = new App('reply-to-first')
  const reports = app.topic('reports', { value: count })
  const agent = app.agent('counting', { value: count }, async function* (stream) {
    for await (const n of stream) {
      if (n < 0) throw new Error('negative')
      if (n > 0) yield n
      yield n + 1
    }
  })
  await using worker = await testWorker(app)
  for (const n of [5, -1]) await agent.send(n, { replyTo: reports })
  await worker.advance(0)
  expect(await worker.received(reports)).toEqual([5])
})

test('an in-process channel is no reply address', () => {
  const { app, adding } = scene('reply-to-channel')
  const local = app.channel('local', { value: count })
  const ofChannel = app.agent('of-channel', { topic: local }, async stream => {
    for await (const _n of stream) continue
  })
  for (const replyTo of [local as never, ofChannel, 'reports' as never]) {
    expect(() => adding.send({ a: 1, b: 1 }, { replyTo })).toThrow(/replyTo must be a topic, or an agent that reads one/)
  }
  expect(() => adding.send({ a: 1, b: 1 }, { replyTo: local as never })).toThrow(
    expect.objectContaining({ code: 'FAUST_OPTION', option: 'replyTo' }),
  )
})

test('an agent of another service is asked by the topic that it reads', async () => {
  const { app, adding } = scene('remote')
  const remote = app.remote<typeof adding>('remote-adding')
  await using worker = await testWorker(app)
  expect(remote.name).toBe('remote-adding')
  expect(await remote.ask({ a: 1, b: 2 })).toBe(3)
  expect(await remote.join([{ a: 1, b: 1 }])).toEqual([2])
  await worker.send(remote, { a: 5, b: 5 })
  const named = app.topic('results', { value: count })
  await remote.send({ a: 6, b: 6 }, { replyTo: named })
  await worker.advance(0)
  expect(await worker.received(named)).toEqual([12])
})

test('a request that nobody can be answered for, since its address is no topic’s name, harms nobody', async () => {
  const { app, adding } = scene('bad-address')
  await using worker = await testWorker(app)
  const headers = { 'Faust-Ag-ReplyTo': 'not a topic!', 'Faust-Ag-CorrelationId': 'x' }
  await worker.send(adding, { a: 1, b: 1 }, { headers })
  await worker.send(adding, { a: 1, b: 1 }, { headers: { ...headers, 'Faust-Ag-ReplyFormat': 'value' } })
  expect(await adding.ask({ a: 1, b: 1 })).toBe(2)
})

const bytes = { value: unchecked<Uint8Array>(), codec: raw }

interface OnTheWire {
  readonly key: string | null
  readonly value: string | null
  readonly headers: Record<string, string>
}

function scene(id: string) {
  const app = new App(id)
  const adding = app.agent('adding', { value: Add }, async function* (stream) {
    for await (const { a, b } of stream) yield a + b
  })
  return { app, adding, watch: watcher(app) }
}

/** Every message of a topic as it was written. */
function watcher(app: App): (topic: Topic<Uint8Array>) => OnTheWire[] {
  let watched = 0
  return topic => {
    const seen: OnTheWire[] = []
    app.task(`watch-${watched++}`, {}, async () => {
      for await (const event of topic.stream().events()) seen.push(onTheWire(event))
    })
    return seen
  }
}

function onTheWire({ key, value, headers }: Event<Uint8Array>): OnTheWire {
  const words = (part: Uint8Array | null): string | null => (part === null ? null : Buffer.from(part).toString())
  return {
    key: words(key),
    value: words(value),
    headers: Object.fromEntries([...headers].map(([name, each]) => [name, words(each) ?? ''])),
  }
}

function asked(correlationId: string): Record<string, string> {
  return { 'Faust-Ag-ReplyTo': 'python-replies', 'Faust-Ag-CorrelationId': correlationId }
}
