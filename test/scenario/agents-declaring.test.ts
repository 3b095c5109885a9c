import { channel } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import { App, crash, oneForOne, retry, unchecked, type Stream } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { logTo } from '../fixtures/log.js'
import { gate, until } from '../fixtures/pacing.js'

const count = z.number()
type Numbers = Stream<number>

async function* doubled(stream: Numbers): AsyncGenerator<number> {
  for await (const n of stream) yield n * 2
}

test('an agent without a topic reads the topic named after the app and itself', async () => {
  const app = new App('shop')
  const agent = app.agent('prices', { value: count, key: z.string() }, doubled as never)
  const same = app.topic('shop-prices', { value: count })
  const seen: unknown[] = []
  app.agent('look', { topic: same }, async stream => {
    for await (const { topic, key, value } of stream.events()) seen.push([topic, Buffer.from(key ?? '').toString(), value])
  })
  await using worker = await testWorker(app)
  await worker.send(agent as never, 3 as never, { key: 'k' } as never)
  expect(seen).toEqual([['shop-prices', 'k', 3]])
  expect(app.describe().agents.map(({ name, source }) => [name, source])).toEqual([
    ['prices', 'shop-prices'],
    ['look', 'shop-prices'],
  ])
})

test('an agent that is given neither topic nor schema reads JSON of any kind', async () => {
  const app = new App('anything')
  const seen: unknown[] = []
  const agent = app.agent('looking', {}, async stream => {
    for await (const value of stream) seen.push(value)
  })
  await using worker = await testWorker(app)
  await worker.send(agent, { any: ['thing', 1, null] })
  expect(seen).toEqual([{ any: ['thing', 1, null] }])
})

test('a function that returns a generator is as good as a generator', async () => {
  const app = new App('returns-generator')
  const agent = app.agent('doubling', { value: count }, stream => doubled(stream))
  await using _worker = await testWorker(app)
  expect(await agent.ask(4)).toBe(8)
})

test('a plain async function is an agent that is sent to', async () => {
  const app = new App('plain-function')
  const seen: number[] = []
  const agent = app.agent('storing', { value: count }, async stream => {
    for await (const n of stream) seen.push(n)
  })
  await using worker = await testWorker(app)
  await agent.cast(1)
  await agent.send(2)
  await worker.advance(0)
  expect(seen).toEqual([1, 2])
})

test('two agents of one topic both get everything', async () => {
  const app = new App('fan-out')
  const numbers = app.topic('numbers', { value: count })
  const [one, two]: [number[], number[]] = [[], []]
  app.agent('one', { topic: numbers }, async stream => {
    for await (const n of stream) one.push(n)
  })
  app.agent('two', { topic: numbers, concurrency: 2 }, async stream => {
    for await (const n of stream) two.push(n)
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(numbers, n)
  expect([one, two]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ])
})

test('an agent of a channel is asked like any other, and its actors compete too', async () => {
  const app = new App('channel-agent')
  const local = app.channel('local', { value: count })
  const slow = gate()
  const agent = app.agent('doubling', { topic: local, concurrency: 2 }, async function* (stream) {
    for await (const n of stream) {
      if (n === 1) await slow.opened
      yield n * 2
    }
  })
  await using _worker = await testWorker(app)
  const first = agent.ask(1)
  expect(await agent.ask(2)).toBe(4)
  slow.open()
  expect(await first).toBe(2)
})

test('the name of an agent is taken once', () => {
  const app = new App('names')
  app.agent('same', { value: count }, doubled)
  const again = (): unknown => app.agent('same', { value: count }, doubled)
  expect(again).toThrow(expect.objectContaining({ code: 'FAUST_DUPLICATE_NAME', duplicate: 'same' }))
  expect(again).toThrow(/agent "same" already/)
  // An agent is known by its name, not by what it reads.
  app.agent('other', { topic: app.topic('names-same', { value: count }) }, doubled)
})

test.for([
  [{ concurrency: 0 }, 'concurrency', /concurrency must be a whole number above 0, got 0/],
  [{ concurrency: 1.5 }, 'concurrency', /got 1.5/],
  [{ concurrency: '3' }, 'concurrency', /got 3/],
  [{ isolatedPartitions: true, concurrency: 2 }, 'isolatedPartitions', /one actor per partition. Remove concurrency: 2/],
  [{ isolatedPartitions: 'yes' }, 'isolatedPartitions', /isolatedPartitions must be true or false, got yes/],
  [{ onError: 'skip' }, 'onError', /onError must be skip\(\), retry/],
  [{ onError: { policy: 'ignore' } }, 'onError', /onError must be/],
  [{ onError: null }, 'onError', /onError must be/],
  [{ supervisor: 'one-for-one' }, 'supervisor', /supervisor must be oneForOne\(\)/],
  [{ supervisor: { strategy: 'hope' } }, 'supervisor', /supervisor must be/],
  [{ reply: { parse: () => 1 } }, 'schema', /expected a Standard Schema/],
  [{ concurency: 3 }, 'concurency', /Agent "wrong" has no option "concurency"/],
  [{ topic: 'numbers' }, 'topic', /topic must be what app.topic or app.channel has returned/],
] as const)('the option %o is refused where it is written', ([options, option, words]) => {
  const app = new App('options')
  const declare = (): unknown => app.agent('wrong', { ...options } as object, doubled as never)
  expect(declare).toThrow(expect.objectContaining({ code: 'FAUST_OPTION', option }))
  expect(declare).toThrow(words)
})

test('a topic and a schema of its own are not both given to an agent', () => {
  const app = new App('both')
  const numbers = app.topic('numbers', { value: count })
  const declare = (): unknown => app.agent('wrong', { topic: numbers, value: count } as never, doubled as never)
  expect(declare).toThrow(/Agent "wrong" reads the topic "numbers", which has its schemas: remove value/)
})

test.for([
  [() => oneForOne({ restarts: -1 }), 'restarts'],
  [() => oneForOne({ restarts: 0.5 }), 'restarts'],
  [() => oneForOne({ within: 'a while' as never }), 'supervisor: within'],
  [() => retry({ attempts: 0 }), 'attempts'],
  [() => retry({ attempts: 2, backoff: 'soon' as never }), 'retry({ backoff })'],
  [() => retry({ attempts: 2, then: 'crash' as never }), 'onError'],
] as const)('%s is refused where it is written', ([make, option]) => {
  expect(make).toThrow(expect.objectContaining({ code: 'FAUST_OPTION', option }))
})

test('an agent needs a function, and a channel has no partitions to isolate', async () => {
  const app = new App('functions')
  expect(() => app.agent('none', {}, undefined as never)).toThrow(/Agent "none" needs a function of its stream/)
  const local = app.channel('local', { value: unchecked<number>() })
  app.agent('isolated', { topic: local, isolatedPartitions: true }, doubled)
  await expect(testWorker(app)).rejects.toThrow(
    /agent "isolated" has isolatedPartitions, but the channel "local" has no partitions/,
  )
})

test('an actor that ends is reported and not restarted, and what it has not settled stays uncommitted', async () => {
  const ended: unknown[] = []
  const hear = (facts: unknown): void => void ended.push(facts)
  channel('faust:actor-ended').subscribe(hear)
  onTestFinished(() => {
    channel('faust:actor-ended').unsubscribe(hear)
  })
  const lines: string[] = []
  const app = new App('returning', { broker: 'memory:returning', logger: logTo(lines) })
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  let starts = 0
  const seen: number[] = []
  app.agent('first-two', { topic: numbers }, async stream => {
    starts++
    for await (const n of stream) if (seen.push(n) % 2 === 0) return
  })
  await using admin = await open(app)
  {
    await using _running = await app.start()
    for (const n of [1, 2, 3]) await numbers.send(n)
    await until(() => ended.length > 0)
    expect(ended).toEqual([{ agent: 'first-two', why: 'its function has returned' }])
    expect(
      lines.filter(line => line.includes('An actor of agent "first-two" has ended: its function has returned')),
    ).toHaveLength(1)
    expect(app.describe().agents[0]).toMatchObject({ running: 0, failed: 0, restarted: 0 })
  }
  // The event that it returned with is settled, the third was nobody's.
  expect(await admin.groupOffsets('returning')).toEqual([{ topic: 'numbers', partition: 0, offset: 2 }])
  expect(starts).toBe(1)
  await using _again = await app.start()
  await until(() => seen.length === 3)
  expect(seen).toEqual([1, 2, 3])
})

test('crash() and its kin name themselves for whoever lists the agents', () => {
  const app = new App('listed')
  app.agent(
    'a',
    { value: count, onError: retry({ attempts: 3, backoff: '2s', then: crash() }), supervisor: oneForOne() },
    doubled,
  )
  expect(app.describe().agents[0]).toMatchObject({ onError: 'retry 3 times from 2s, then crash', supervisor: 'one-for-one' })
})

/** A connection that keeps the memory broker's messages between two runs. */
async function open(app: App) {
  const connection = await app.connect()
  return { groupOffsets: (id: string) => connection.admin.groupOffsets(id), [Symbol.asyncDispose]: () => connection.close() }
}
