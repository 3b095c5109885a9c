import { expect, test } from 'vitest'
import { App, type Destination, type Event, type SendOptions } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed } from '../fixtures/broker-view.js'
import { gate, turns, until } from '../fixtures/pacing.js'
import { sorted } from '../fixtures/sorted.js'

const count = z.number()

/** An agent that yields each number doubled. */
function doubling(app: App) {
  return app.agent('doubling', { value: count }, async function* (numbers) {
    for await (const n of numbers) yield n * 2
  })
}

test('a topic gets what an agent yields under the event’s key and at its time, unless told otherwise', async () => {
  const app = new App('sink-topic')
  const kept = app.topic('kept', { value: count, key: z.string() })
  const renamed = app.topic('renamed', { value: count, key: z.string() })
  const seen: [string, string, number, number][] = []
  const look = async (stream: { events(): AsyncIterable<Event<number, string>> }): Promise<void> => {
    for await (const { topic, key, value, timestamp } of stream.events()) seen.push([topic, key, value, timestamp])
  }
  const agent = doubling(app)
    .to(kept)
    .to(renamed, { key: n => `n${n}` })
  app.agent('look-at-kept', { topic: kept }, look)
  app.agent('look-at-renamed', { topic: renamed }, look)
  await using worker = await testWorker(app)
  await worker.send(agent, 21, { key: 'k', timestamp: 1_700_000_000_000 })
  expect(sorted(seen)).toEqual([
    ['kept', 'k', 42, 1_700_000_000_000],
    ['renamed', 'n42', 42, 1_700_000_000_000],
  ])
})

test('an event without a key is passed on without one', async () => {
  const app = new App('sink-keyless')
  const target = app.topic('target', { value: count })
  const keys: unknown[] = []
  const agent = doubling(app).to(target)
  app.agent('look', { topic: target }, async stream => {
    for await (const { key } of stream.events()) keys.push(key)
  })
  await using worker = await testWorker(app)
  await worker.send(agent, 1)
  await worker.send(agent, 2, { key: 'bytes' })
  expect(keys.map(key => (key === null ? null : Buffer.from(key as Uint8Array).toString()))).toEqual([null, 'bytes'])
})

test('a channel gets what an agent yields under the event’s key and at its time', async () => {
  const app = new App('sink-channel')
  const local = app.channel('local', { value: count, key: z.string() })
  const seen: unknown[] = []
  const agent = app
    .agent('doubling', { value: count, key: z.string() }, async function* (numbers) {
      for await (const n of numbers) yield n * 2
    })
    .to(local)
    .to(local, { key: n => `n${n}` })
  app.agent('look', { topic: local }, async stream => {
    for await (const { key, value, timestamp } of stream.events()) seen.push([key, value, timestamp])
  })
  await using worker = await testWorker(app)
  await worker.send(agent, 21, { key: 'k', timestamp: 1_700_000_000_000 })
  expect(seen).toEqual([
    ['k', 42, 1_700_000_000_000],
    ['n42', 42, 1_700_000_000_000],
  ])
  expect(await worker.received(local)).toEqual([42, 42])
})

test('another agent gets what an agent yields, and goes on with it', async () => {
  const app = new App('sink-agent')
  const seen: unknown[] = []
  const first = doubling(app)
  const second = app.agent('adding-one', { value: count, key: z.string() }, async function* (stream) {
    for await (const { key, value } of stream.events()) {
      seen.push([key, value])
      yield value + 1
    }
  })
  first.to(second)
  second.to(n => void seen.push(n))
  await using worker = await testWorker(app)
  await worker.send(first, 5, { key: 'k' })
  expect(seen).toEqual([['k', 10], 11])
})

test('an object of your own gets what an agent yields through its send, and is waited for', async () => {
  const app = new App('sink-object')
  const sent: [number, unknown][] = []
  const slow = gate()
  const own: Destination<number> = {
    send: async (value: number, options?: SendOptions<unknown>) => {
      sent.push([value, Buffer.from(options?.key as Uint8Array).toString()])
      await slow.opened
    },
  }
  const agent = doubling(app).to(own)
  await using worker = await testWorker(app)
  void agent.cast(1, { key: 'one' })
  void agent.cast(2, { key: 'one' })
  await turns(50)
  expect(sent).toEqual([[2, 'one']])
  slow.open()
  await worker.advance(0)
  expect(sent).toEqual([
    [2, 'one'],
    [4, 'one'],
  ])
})

test('a function is called with each value, and a promise it returns is awaited before the next event', async () => {
  const app = new App('sink-function')
  const story: string[] = []
  const slow = gate()
  const agent = app
    .agent('telling', { value: count }, async function* (numbers) {
      for await (const n of numbers) {
        story.push(`got ${n}`)
        yield n
        story.push(`after ${n}`)
      }
    })
    .to(n => void story.push(`plain ${n}`))
    .to(async n => {
      story.push(`slow ${n}`)
      await slow.opened
      story.push(`done ${n}`)
    })
    .to(n => void story.push(`next ${n}`))
    .to(n => void story.push(`last ${n}`))
  await using worker = await testWorker(app)
  void agent.cast(1, { partition: 0 })
  void agent.cast(2, { partition: 0 })
  await until(() => story.includes('slow 1'))
  slow.open()
  await worker.advance(0)
  // Sinks in the order of their declaration, one after the other.
  const each = (n: number): string[] => [
    `got ${n}`,
    `plain ${n}`,
    `slow ${n}`,
    `done ${n}`,
    `next ${n}`,
    `last ${n}`,
    `after ${n}`,
  ]
  expect(story).toEqual([...each(1), ...each(2)])
})

test('what a sink function returns from a topic’s send holds the agent up no more than the send would', async () => {
  const app = new App('sink-delivery')
  const target = app.topic('target', { value: count })
  const agent = doubling(app).to(n => target.send(n))
  await using worker = await testWorker(app)
  await worker.send(agent, 4)
  expect(await worker.received(target)).toEqual([8])
})

test('every yield goes to every sink, the answer to the asker alone', async () => {
  const app = new App('sink-every')
  const log = app.topic('log', { value: count })
  const agent = app
    .agent('counting-down', { value: count }, async function* (numbers) {
      yield 100
      for await (const n of numbers) for (let left = n; left > 0; left--) yield left
      yield -100
    })
    .to(log)
  const worker = await testWorker(app)
  expect(await agent.ask(3)).toBe(3)
  await worker.advance(0)
  expect(await worker.received(log)).toEqual([100, 3, 2, 1])
  await worker[Symbol.asyncDispose]()
})

test.for([
  [
    'throws',
    () => {
      throw new RangeError('no room')
    },
  ],
  ['rejects', () => Promise.reject(new RangeError('no room'))],
] as const)('an event whose sink %s follows the agent’s policy, settles, and the next one goes on', async ([, fail]) => {
  const app = new App('sink-fails')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const sunk: number[] = []
  let cleaned = 0
  const agent = app
    .agent('passing', { topic: numbers }, async function* (stream) {
      try {
        for await (const n of stream) yield n
      } finally {
        cleaned++
      }
    })
    .to(n => (n === 2 ? fail() : void sunk.push(n)))
  {
    await using worker = await testWorker(app)
    await worker.send(numbers, 1)
    // The answer was on its way before the sink failed.
    expect(await agent.ask(2)).toBe(2)
    await worker.send(numbers, 3)
    expect(sunk).toEqual([1, 3])
    // The generator that was suspended at its yield was closed, so its cleaning up has run.
    expect(cleaned).toBe(1)
    expect(app.describe().agents[0]).toMatchObject({ failed: 1, restarted: 1, running: 1 })
    await worker.advance('2s')
    expect(await committed(app, 'numbers')).toEqual({ 0: 3 })
  }
  expect(cleaned).toBe(2)
})

test('a value that a sink’s topic cannot carry fails the event like any other exception', async () => {
  const app = new App('sink-unencodable')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const target = app.topic('target')
  const seen: number[] = []
  app
    .agent('passing', { topic: numbers }, async function* (stream) {
      for await (const n of stream) {
        seen.push(n)
        yield n === 1 ? 10n : n
      }
    })
    .to(target)
  await using worker = await testWorker(app)
  await worker.send(numbers, 1)
  await worker.send(numbers, 2)
  expect(seen).toEqual([1, 2])
  expect(await worker.received(target)).toEqual([2])
})

test('a sink must be something that takes values, and an agent that never yields takes none', async () => {
  const app = new App('sink-wrong')
  const agent = doubling(app)
  expect(() => agent.to('log' as never)).toThrow(/takes a function, a topic, a channel or an agent/)
  expect(() => agent.to(null as never)).toThrow(expect.objectContaining({ code: 'FAUST_OPTION' }))
  const silent = app.agent('silent', { value: count }, async stream => {
    for await (const _n of stream) continue
  })
  ;(silent as unknown as typeof agent).to(() => undefined)
  await expect(testWorker(app)).rejects.toThrow(/agent "silent" has sinks, but its function never yields/)
})
