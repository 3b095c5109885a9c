import { expect, test } from 'vitest'
import { App, type Event } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { gate, until } from '../fixtures/pacing.js'
import { sorted } from '../fixtures/sorted.js'

test('n actors compete for the events of one stream, and every event is processed once', async () => {
  const app = new App('competing')
  const jobs = app.topic('jobs', { value: z.number(), partitions: 1 })
  const done: number[] = []
  const gates = Array.from({ length: 5 }, gate)
  let [running, most] = [0, 0]
  app.agent('working', { topic: jobs, concurrency: 3 }, async stream => {
    for await (const job of stream) {
      most = Math.max(most, ++running)
      await gates[job]?.opened
      running--
      done.push(job)
    }
  })
  await using worker = await testWorker(app)
  for (let job = 0; job < 100; job++) void jobs.send(job)
  await until(() => running === 3)
  expect(done).toEqual([])
  // Out of order, and that is fine: the last of the three to start is the first to end.
  gates[2]?.open()
  await until(() => done.length === 1)
  for (const each of gates) each.open()
  await worker.advance(0)
  expect(most).toBe(3)
  expect(done[0]).toBe(2)
  expect(sorted(done)).toEqual(Array.from({ length: 100 }, (_, job) => job))
})

test('a slow event holds back neither its partition nor the others when there are several actors', async () => {
  const app = new App('slow-event')
  const jobs = app.topic('jobs', { value: z.number(), partitions: 1 })
  const done: number[] = []
  const slow = gate()
  app.agent('working', { topic: jobs, concurrency: 2 }, async stream => {
    for await (const job of stream) {
      if (job === 0) await slow.opened
      done.push(job)
    }
  })
  await using worker = await testWorker(app)
  for (let job = 0; job < 20; job++) void jobs.send(job)
  await until(() => done.length === 19)
  expect(done).toEqual(Array.from({ length: 19 }, (_, job) => job + 1))
  slow.open()
  await worker.advance(0)
  expect(done.at(-1)).toBe(0)
})

test('an agent runs one actor unless told otherwise, which keeps the order of each partition', async () => {
  const app = new App('in-order')
  const jobs = app.topic('jobs', { value: z.number(), partitions: 4 })
  const seen = new Map<number, number[]>()
  let actors = 0
  app.agent('working', { topic: jobs }, async stream => {
    actors++
    for await (const event of stream.events()) note(seen, event)
  })
  await using worker = await testWorker(app)
  for (let job = 0; job < 40; job++) void jobs.send(job)
  await worker.advance(0)
  expect(actors).toBe(1)
  expect(seen.size).toBe(4)
  for (const offsets of seen.values()) expect(offsets).toEqual(Array.from({ length: 10 }, (_, offset) => offset))
})

test('isolatedPartitions runs one actor for each assigned partition, each in its own order', async () => {
  const app = new App('isolated')
  const jobs = app.topic('jobs', { value: z.number(), partitions: 4 })
  const byActor: Map<number, number[]>[] = []
  app.agent('working', { topic: jobs, isolatedPartitions: true }, async stream => {
    const seen = new Map<number, number[]>()
    byActor.push(seen)
    for await (const event of stream.events()) note(seen, event)
  })
  await using worker = await testWorker(app)
  expect(byActor.length).toBe(4)
  for (let job = 0; job < 40; job++) void jobs.send(job)
  await worker.advance(0)
  expect(byActor.length).toBe(4)
  for (const seen of byActor) expect([...seen.values()]).toEqual([Array.from({ length: 10 }, (_, offset) => offset)])
  expect(sorted(byActor.flatMap(seen => [...seen.keys()]))).toEqual([0, 1, 2, 3])
})

test('a partition that is slow does not hold back the other partitions with isolatedPartitions', async () => {
  const app = new App('isolated-slow')
  const jobs = app.topic('jobs', { value: z.number(), partitions: 2 })
  const slow = gate()
  const done: number[] = []
  app.agent('working', { topic: jobs, isolatedPartitions: true }, async stream => {
    for await (const event of stream.events()) {
      if (event.partition === 0) await slow.opened
      done.push(event.partition)
    }
  })
  await using worker = await testWorker(app)
  for (let job = 0; job < 10; job++) void jobs.send(job)
  await until(() => done.length === 5)
  expect(done).toEqual([1, 1, 1, 1, 1])
  slow.open()
  await worker.advance(0)
  expect(done.slice(5)).toEqual([0, 0, 0, 0, 0])
})

test('one actor of an agent with isolatedPartitions runs ahead of the assignment and takes the first partition', async () => {
  const app = new App('isolated-ahead')
  const jobs = app.topic('jobs', { value: z.number(), partitions: 3 })
  const story: string[] = []
  app.agent('working', { topic: jobs, isolatedPartitions: true }, async stream => {
    const me = story.filter(line => line.startsWith('actor')).length
    story.push(`actor ${me}`)
    for await (const { partition } of stream.events()) story.push(`partition ${partition} is that of actor ${me}`)
  })
  app.task('looking', {}, () => {
    // Tasks start after the agents, and before the group is joined.
    story.push('nothing is assigned yet')
    return Promise.resolve()
  })
  await using worker = await testWorker(app)
  expect(story).toEqual(['actor 0', 'nothing is assigned yet', 'actor 1', 'actor 2'])
  for (const partition of [2, 1, 0]) await worker.send(jobs, 7, { partition })
  expect(story.slice(4)).toEqual([2, 1, 0].map(n => `partition ${n} is that of actor ${n}`))
})

test('actors come and go with the partitions of a rebalance', async () => {
  const app = new App('isolated-rebalance')
  const jobs = app.topic('jobs', { value: z.number(), partitions: 4 })
  const seen = new Map<number, number[]>()
  let [started, ended] = [0, 0]
  app.agent('working', { topic: jobs, isolatedPartitions: true }, async stream => {
    started++
    for await (const event of stream.events()) note(seen, event)
    ended++
  })
  {
    await using worker = await testWorker(app, { workers: 2 })
    // The first worker had all four; two of its actors ended when the second took over half.
    expect({ started, ended }).toEqual({ started: 6, ended: 2 })
    expect(app.describe().agents[0]?.running).toBe(4)
    for (let job = 0; job < 40; job++) void jobs.send(job)
    await worker.advance('2s')
    for (const offsets of seen.values()) expect(offsets).toEqual(Array.from({ length: 10 }, (_, offset) => offset))
  }
  expect(started).toBe(ended)
})

function note(seen: Map<number, number[]>, event: Event<unknown>): void {
  seen.set(event.partition, [...(seen.get(event.partition) ?? []), event.offset])
}
