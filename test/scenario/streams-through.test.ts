import { expect, test } from 'vitest'
import { App, crash, deadLetter, retry, type Event } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed, stored } from '../fixtures/broker-view.js'
import { turns } from '../fixtures/pacing.js'

const count = z.number()

/** An app with a source and a topic to go through, of one partition each. */
function hopping(id: string) {
  const app = new App(id, { partitions: 1 })
  const source = app.topic('source', { value: count, key: z.string() })
  const middle = app.topic('middle', { value: count, key: z.string() })
  return { app, source, middle }
}

test('key, headers and time survive the hop', async () => {
  const { app, source, middle } = hopping('surviving')
  const seen: unknown[] = []
  app.agent('hopping', { topic: source }, async stream => {
    for await (const { topic, key, value, timestamp, headers } of stream.through(middle).events()) {
      seen.push([topic, key, value, timestamp, Buffer.from(headers.get('trace') ?? []).toString()])
    }
  })
  await using worker = await testWorker(app)
  await worker.send(source, 1, { key: 'k', timestamp: 77, headers: { trace: 't' } })
  expect(seen).toEqual([['middle', 'k', 1, 77, 't']])
  expect(await stored(app, 'middle')).toEqual([{ partition: 0, key: 'k', value: '1', timestamp: 77, headers: { trace: 't' } }])
})

test('operators before the hop run before it, those behind it behind it, each once', async () => {
  const { app, source, middle } = hopping('ordered')
  const seen: string[] = []
  app.agent('hopping', { topic: source }, async stream => {
    const hop = stream
      .filter(n => n > 1)
      .map(async n => await Promise.resolve(n * 10))
      .tap(n => seen.push(`before ${n}`))
      .through(middle)
      .tap(n => seen.push(`behind ${n}`))
    for await (const n of hop) seen.push(`loop ${n}`)
  })
  await using worker = await testWorker(app)
  await worker.send(source, 1, { key: 'a' })
  await worker.send(source, 2, { key: 'b' })
  expect(seen).toEqual(['before 20', 'behind 20', 'loop 20'])
  expect(await worker.received(middle)).toEqual([20])
})

test('a request is answered behind the hop', async () => {
  const { app, source, middle } = hopping('answering')
  const agent = app.agent('answering', { topic: source }, async function* (stream) {
    for await (const n of stream.through(middle)) if (n !== 13) yield n * 2
  })
  await using _worker = await testWorker(app)
  expect(await agent.ask(4, { key: 'k' })).toBe(8)
  await expect(agent.ask(13, { key: 'k' })).rejects.toMatchObject({ code: 'FAUST_NO_REPLY' })
  expect(await agent.join([1, 2, 3], { key: 'k' })).toEqual([2, 4, 6])
})

test('a request that is dropped, or fails, before the hop is answered with that', async () => {
  const { app, source, middle } = hopping('refusing')
  const agent = app.agent('refusing', { topic: source }, async function* (stream) {
    const checked = stream.map(n => {
      if (n === 13) throw new RangeError('unlucky')
      return n
    })
    for await (const n of checked.filter(value => value > 0).through(middle)) yield n
  })
  await using _worker = await testWorker(app)
  await expect(agent.ask(-1, { key: 'k' })).rejects.toMatchObject({ code: 'FAUST_NO_REPLY' })
  await expect(agent.ask(13, { key: 'k' })).rejects.toMatchObject({ code: 'FAUST_REPLY', remoteName: 'RangeError' })
  expect(await agent.ask(2, { key: 'k' })).toBe(2)
})

test('an agent that throws behind a hop goes on, with both sides of it', async () => {
  const { app, source, middle } = hopping('going-on')
  const seen: number[] = []
  let runs = 0
  app.agent('hopping', { topic: source }, async stream => {
    runs++
    for await (const n of stream.map(value => value + 1).through(middle)) {
      seen.push(n)
      if (n % 2 === 0) throw new RangeError('even')
    }
  })
  await using worker = await testWorker(app)
  for (let n = 1; n <= 6; n++) await worker.send(source, n, { key: 'k' })
  expect([seen, runs]).toEqual([[2, 3, 4, 5, 6, 7], 4])
  expect(await worker.received(middle)).toEqual([2, 3, 4, 5, 6, 7])
  await worker.advance('2s')
  expect([await committed(app, 'source'), await committed(app, 'middle')]).toEqual([{ 0: 6 }, { 0: 6 }])
})

test('an event that fails behind the hop is tried again there, one that fails before it here', async () => {
  const { app, source, middle } = hopping('trying')
  const tries = { before: 0, behind: 0 }
  const seen: number[] = []
  app.agent('trying', { topic: source, onError: retry({ attempts: 3, backoff: '1s' }) }, async stream => {
    const hop = stream
      .tap(n => {
        if (n === 2 && ++tries.before < 3) throw new RangeError('not yet')
      })
      .through(middle)
    for await (const n of hop) {
      if (n === 3 && ++tries.behind < 3) throw new RangeError('not yet')
      seen.push(n)
    }
  })
  await using worker = await testWorker(app)
  for (let n = 1; n <= 4; n++) await worker.send(source, n, { key: 'k' })
  await worker.advance('10s')
  expect([seen, tries]).toEqual([[1, 2, 3, 4], { before: 3, behind: 3 }])
  expect(await worker.received(middle)).toEqual([1, 2, 3, 4])
})

test('what fails before the hop is buried with the source’s place, what fails behind it with the hop’s', async () => {
  const { app, source, middle } = hopping('burying')
  app.agent('burying', { topic: source, onError: deadLetter() }, async stream => {
    const hop = stream
      .tap(n => {
        if (n === 1) throw new RangeError('before')
      })
      .through(middle)
    for await (const n of hop) if (n === 2) throw new RangeError('behind')
  })
  await using worker = await testWorker(app)
  for (let n = 1; n <= 3; n++) await worker.send(source, n, { key: `k${n}` })
  expect(await stored(app, 'source-dead-letters')).toMatchObject([{ key: 'k1', headers: { '__faust.errors.topic': 'source' } }])
  expect(await stored(app, 'middle-dead-letters')).toMatchObject([{ key: 'k2', headers: { '__faust.errors.topic': 'middle' } }])
})

test('crash before a hop stops the worker with the event uncommitted', async () => {
  const { app, source, middle } = hopping('crashing')
  app.agent('crashing', { topic: source, onError: crash() }, async stream => {
    const checked = stream.tap(n => {
      if (n === 2) throw new RangeError('two')
    })
    for await (const _ of checked.through(middle)) void _
  })
  await using worker = await testWorker(app)
  await worker.send(source, 1, { key: 'k' })
  await expect(worker.send(source, 2, { key: 'k' })).rejects.toThrow(/"crashing" failed on "source"\[0\]@1/)
  expect((await committed(app, 'source'))[0]).toBe(1)
})

test('noack before the hop holds back what is behind it, and the source goes on', async () => {
  const { app, source, middle } = hopping('by-hand')
  const events: Event<number, string>[] = []
  app.agent('by-hand', { topic: source }, async stream => {
    for await (const event of stream.noack().through(middle).events()) events.push(event)
  })
  await using worker = await testWorker(app)
  for (let n = 1; n <= 3; n++) await worker.send(source, n, { key: 'k' })
  await worker.advance('2s')
  expect([await committed(app, 'source'), await committed(app, 'middle')]).toEqual([{ 0: 3 }, { 0: 0 }])
  for (const event of events) event.settle()
  await worker.advance('2s')
  expect(await committed(app, 'middle')).toEqual({ 0: 3 })
})

test('several actors share a hop: every event passes it once and is worked on once', async () => {
  const { app, source, middle } = hopping('sharing')
  const actors = new Map<object, number>()
  app.agent('sharing', { topic: source, concurrency: 3 }, async stream => {
    for await (const n of stream.through(middle)) {
      actors.set(stream, (actors.get(stream) ?? 0) + 1)
      if (n === 5) throw new RangeError('five')
    }
  })
  await using worker = await testWorker(app)
  for (let n = 0; n < 12; n++) await worker.send(source, n, { key: 'k' })
  expect([...actors.values()].reduce((sum, own) => sum + own, 0)).toBe(12)
  expect(actors.size).toBeGreaterThanOrEqual(3)
  expect((await worker.received(middle)).length).toBe(12)
})

test('hops can follow each other, and three workers share them', async () => {
  const app = new App('chained')
  const source = app.topic('source', { value: count, key: z.string() })
  const [first, second] = ['first', 'second'].map(name => app.topic(name, { value: count, key: z.string() }))
  if (first === undefined || second === undefined) throw new Error('no topics')
  const done = app.topic('done', { value: count, key: z.string() })
  const agent = app
    .agent('chained', { topic: source }, async function* (stream) {
      const chained = stream
        .map(n => n + 1)
        .through(first)
        .map(n => n * 10)
        .through(second)
      for await (const n of chained) yield n
    })
    .to(done)
  await using worker = await testWorker(app, { workers: 3 })
  expect(await agent.kvjoin(Array.from({ length: 30 }, (_, n) => [`k${n}`, n] as const))).toEqual(
    Array.from({ length: 30 }, (_, n) => (n + 1) * 10),
  )
  await worker.advance('5s')
  expect((await worker.received(done)).length).toBe(30)
})

test('a hop through a pattern is refused, since it names no topic', async () => {
  const app = new App('patterned')
  const source = app.topic('source', { value: count })
  const pattern = app.topic(/^middle-/, { value: count })
  app.agent('hopping', { topic: source }, async stream => {
    for await (const _ of stream.through(pattern)) void _
  })
  await using worker = await testWorker(app)
  await turns(200)
  const stopped = { code: 'FAUST_RESTART_BUDGET', cause: { code: 'FAUST_OPTION' } }
  await expect(worker.advance('1s')).rejects.toMatchObject(stopped)
})
