import { expect, test } from 'vitest'
import { App, forfeitOneForAll, oneForAll } from 'faust-ts'
import { testWorker, virtualClock } from 'faust-ts/testing'
import { z } from 'zod'
import { committed } from '../fixtures/broker-view.js'
import { turns, until } from '../fixtures/pacing.js'

// Work that was cancelled through stream.signal failed, was skipped by the default policy, and so was committed: lost.

const count = z.number()

test('what a stop breaks off through stream.signal comes again', async () => {
  const app = new App('broken-off', { broker: 'memory:broken-off' })
  app.override({ clock: virtualClock() })
  const keeper = await app.connect()
  const jobs = app.topic('jobs', { value: count, partitions: 1 })
  const seen: number[] = []
  app.agent('fetching', { topic: jobs }, async stream => {
    for await (const job of stream) {
      seen.push(job)
      if (seen.length === 2) await broken(stream.signal)
    }
  })
  const running = await app.start()
  for (const job of [1, 2, 3]) void jobs.send(job)
  await until(() => seen.length === 2)
  await running.stop()
  expect(app.describe().agents[0]?.failed ?? 0).toBe(0)
  expect(await committed(app, 'jobs')).toEqual({ 0: 1 })
  await app.start()
  await until(() => seen.length === 4)
  expect(seen).toEqual([1, 2, 2, 3])
  await app[Symbol.asyncDispose]()
  await keeper.close()
})

test('so does what an operator before a hop was at', async () => {
  const app = new App('broken-off-hop', { broker: 'memory:broken-off-hop' })
  app.override({ clock: virtualClock() })
  const keeper = await app.connect()
  const [jobs, middle] = [
    app.topic('jobs', { value: count, partitions: 1 }),
    app.topic('middle', { value: count, partitions: 1 }),
  ]
  const begun: number[] = []
  app.agent('hopping', { topic: jobs }, async stream => {
    const slow = stream.map(async job => {
      begun.push(job)
      if (begun.length === 1) await broken(stream.signal)
      return job
    })
    for await (const _ of slow.through(middle)) void _
  })
  const running = await app.start()
  void jobs.send(1)
  await until(() => begun.length === 1)
  await running.stop()
  expect((await committed(app, 'jobs'))[0] ?? 0).toBe(0)
  await app[Symbol.asyncDispose]()
  await keeper.close()
})

test('what a healthy sibling is made to break off by oneForAll is worked on by whoever replaces it', async () => {
  const { app, jobs, done } = pair('broken-off-sibling', oneForAll())
  await using worker = await testWorker(app)
  void jobs.send(1)
  await turns(20)
  await worker.send(jobs, -1)
  expect(done).toEqual([1])
  expect(app.describe().agents[0]).toMatchObject({ running: 2, failed: 1, restarted: 2 })
})

test('what a healthy sibling is made to break off by forfeitOneForAll stays uncommitted', async () => {
  const { app, jobs, done } = pair('broken-off-forfeit', forfeitOneForAll())
  await using worker = await testWorker(app)
  void jobs.send(1)
  await turns(20)
  await worker.send(jobs, -1)
  await worker.advance('2s')
  expect(done).toEqual([])
  expect(app.describe().agents[0]).toMatchObject({ running: 0, failed: 1 })
  expect((await committed(app, 'jobs'))[0] ?? 0).toBe(0)
})

test('a failure of its own that an agent has while it is being stopped is still its failure', async () => {
  const app = new App('fails-at-the-stop', { broker: 'memory:fails-at-the-stop' })
  app.override({ clock: virtualClock() })
  const keeper = await app.connect()
  const jobs = app.topic('jobs', { value: count, partitions: 1 })
  const seen: number[] = []
  app.agent('failing', { topic: jobs }, async stream => {
    for await (const job of stream) {
      seen.push(job)
      await broken(stream.signal).catch(() => undefined)
      throw new RangeError('my own')
    }
  })
  const running = await app.start()
  void jobs.send(1)
  await until(() => seen.length === 1)
  await running.stop()
  expect(await committed(app, 'jobs')).toEqual({ 0: 1 })
  await app[Symbol.asyncDispose]()
  await keeper.close()
})

/** Two actors: the first try of a positive job waits to be broken off, a negative job fails. */
function pair(name: string, supervisor: ReturnType<typeof oneForAll>) {
  const app = new App(name, { broker: `memory:${name}` })
  const jobs = app.topic('jobs', { value: count, partitions: 1 })
  const done: number[] = []
  let tries = 0
  app.agent('working', { topic: jobs, concurrency: 2, supervisor }, async stream => {
    for await (const job of stream) {
      if (job < 0) throw new RangeError('negative')
      if (tries++ === 0) await broken(stream.signal)
      done.push(job)
    }
  })
  return { app, jobs, done }
}

/** What waits for an answer from elsewhere does when its signal fires. */
function broken(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('broken off', 'AbortError'))))
}
