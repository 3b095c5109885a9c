import { expect, test } from 'vitest'
import { App, forfeitOneForOne, unchecked } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { committed } from '../fixtures/broker-view.js'
import { until } from '../fixtures/pacing.js'

// The full queue of an agent that had returned, or was forfeited, kept every other reader of its topic waiting for ever.

test.for(['returned', 'forfeited'] as const)('an agent that has %s does not keep others from reading on', async how => {
  const app = new App(`over-${how}`, { broker: `memory:over-${how}` })
  const jobs = app.topic('jobs', { value: unchecked<number>(), partitions: 1 })
  const done: number[] = []
  app.agent('over', { topic: jobs, supervisor: forfeitOneForOne() }, async stream => {
    for await (const job of stream) {
      if (job !== 2) continue
      if (how === 'returned') return
      throw new RangeError('two')
    }
  })
  app.agent('other', { topic: jobs }, async stream => {
    for await (const job of stream) done.push(job)
  })
  await using worker = await testWorker(app)
  for (let job = 0; job < 20_000; job++) {
    void jobs.send(job)
    if (job === 10) await until(() => done.length === 11)
  }
  await until(() => done.length === 20_000)
  await worker.advance('2s')
  expect(app.describe().agents[0]).toMatchObject({ name: 'over', running: 0 })
})

test('what it left unsettled stays uncommitted while others read on', async () => {
  const app = new App('over-uncommitted', { broker: 'memory:over-uncommitted' })
  const jobs = app.topic('jobs', { value: unchecked<number>(), partitions: 1 })
  const done: number[] = []
  app.agent('over', { topic: jobs }, async stream => {
    for await (const job of stream) if (job === 2) return
  })
  app.agent('other', { topic: jobs }, async stream => {
    for await (const job of stream) done.push(job)
  })
  await using worker = await testWorker(app)
  for (let job = 0; job < 100; job++) void jobs.send(job)
  await until(() => done.length === 100)
  for (let job = 100; job < 110; job++) void jobs.send(job)
  await until(() => done.length === 110)
  await worker.advance('2s')
  expect(await committed(app, 'jobs')).toEqual({ 0: 3 })
})

test('an agent with a topic of its own leaves the rest of it to whoever comes after', async () => {
  const app = new App('over-alone', { broker: 'memory:over-alone' })
  const jobs = app.topic('jobs', { value: unchecked<number>(), partitions: 1 })
  app.agent('over', { topic: jobs }, async stream => {
    for await (const job of stream) if (job === 2) return
  })
  await using worker = await testWorker(app)
  for (let job = 0; job < 10; job++) await worker.send(jobs, job)
  await worker.advance('2s')
  expect(await committed(app, 'jobs')).toEqual({ 0: 3 })
})
