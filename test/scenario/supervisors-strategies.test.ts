import { channel } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import { AgentError, App, crashing, forfeitOneForAll, forfeitOneForOne, oneForAll, oneForOne, type Supervision } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { gate, turns, until, type Gate } from '../fixtures/pacing.js'
import { sorted } from '../fixtures/sorted.js'

const count = z.number()

test('oneForOne replaces the failed actor and leaves its siblings alone', async () => {
  const scene = crew('one-for-one', oneForOne())
  const { app, jobs, actors, done, gates } = scene
  await using worker = await testWorker(app)
  await fill(scene)
  gates[1]?.open()
  await until(() => actors.length === 4, 'a fresh actor')
  expect(actors.map(({ state }) => state)).toEqual(['running', 'failed', 'running', 'running'])
  for (const each of gates) each.open()
  for (let job = 10; job < 20; job++) void jobs.send(job)
  await worker.advance(0)
  expect(sorted(done)).toEqual([0, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
  expect(app.describe().agents[0]).toMatchObject({ running: 3, failed: 1, restarted: 1 })
})

test('oneForAll replaces the siblings too, each when it asks for its next event', async () => {
  const scene = crew('one-for-all', oneForAll())
  const { app, jobs, actors, done, gates } = scene
  await using worker = await testWorker(app)
  await fill(scene)
  gates[1]?.open()
  await until(() => actors.length === 4, 'a fresh actor')
  await turns(20)
  // The others still have something in hand, and keep it.
  expect(actors.map(({ state }) => state)).toEqual(['running', 'failed', 'running', 'running'])
  gates[0]?.open()
  await until(() => actors.length === 5, 'a second fresh actor')
  expect(actors[0]?.state).toBe('ended')
  gates[2]?.open()
  await until(() => actors.length === 6, 'a third fresh actor')
  expect(actors.map(({ state }) => state)).toEqual(['ended', 'failed', 'ended', 'running', 'running', 'running'])
  for (let job = 10; job < 20; job++) void jobs.send(job)
  await worker.advance(0)
  expect(sorted(done)).toEqual([0, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
  expect(app.describe().agents[0]).toMatchObject({ running: 3, failed: 1, restarted: 3 })
})

test('oneForAll replaces siblings that wait for an event at once, and one failure counts once', async () => {
  const { app, jobs, actors, done } = crew('one-for-all-idle', oneForAll({ restarts: 1, within: '1s' }))
  await using worker = await testWorker(app)
  await worker.send(jobs, 1)
  expect(sorted(actors.map(({ state }) => state))).toEqual(['ended', 'ended', 'failed', 'running', 'running', 'running'])
  await worker.send(jobs, 5)
  expect(done).toEqual([5])
})

test('forfeitOneForOne gives up the failed actor, and its siblings go on', async () => {
  const ended = endings()
  const scene = crew('forfeit-one', forfeitOneForOne())
  const { app, jobs, actors, done, gates } = scene
  await using worker = await testWorker(app)
  await fill(scene)
  for (const each of gates) each.open()
  for (let job = 10; job < 20; job++) void jobs.send(job)
  await worker.advance(0)
  expect(actors.map(({ state }) => state)).toEqual(['running', 'failed', 'running'])
  expect(sorted(done)).toEqual([0, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
  expect(app.describe().agents[0]).toMatchObject({ running: 2, failed: 1, restarted: 0 })
  expect(ended).toEqual([{ agent: 'working', why: 'it failed and is forfeited' }])
})

test('forfeitOneForAll gives up every actor of the agent, and the worker lives', async () => {
  const ended = endings()
  const scene = crew('forfeit-all', forfeitOneForAll())
  const { app, jobs, actors, done, gates } = scene
  const others = app.topic('others', { value: count })
  const other = app.agent('other', { topic: others }, async function* (stream) {
    for await (const n of stream) yield n
  })
  await using worker = await testWorker(app)
  await fill(scene)
  gates[1]?.open()
  await until(() => ended.length > 0)
  for (const each of gates) each.open()
  await until(() => actors.every(({ state }) => state !== 'running'))
  for (let job = 10; job < 20; job++) void jobs.send(job)
  await worker.advance(0)
  // What they had in hand they finished; nobody takes the rest.
  expect(sorted(done)).toEqual([0, 2])
  expect(app.describe().agents[0]).toMatchObject({ name: 'working', running: 0, failed: 1, restarted: 0 })
  expect(ended[0]).toEqual({ agent: 'working', why: 'it failed and all actors of the agent are forfeited' })
  expect(ended.slice(1)).toEqual([0, 2].map(() => ({ agent: 'working', why: 'all actors of the agent are forfeited' })))
  expect(await other.ask(4)).toBe(4)
})

test('forfeited actors leave what they have not settled uncommitted, for whoever comes after', async () => {
  const app = new App('forfeit-uncommitted', { broker: 'memory:forfeit-uncommitted' })
  const jobs = app.topic('jobs', { value: count, partitions: 1 })
  const seen: number[] = []
  const ended = endings()
  app.agent('working', { topic: jobs, supervisor: forfeitOneForAll() }, async stream => {
    for await (const job of stream) if (seen.push(job) === 2) throw new Error('enough')
  })
  const connection = await app.connect()
  const running = await app.start()
  for (const job of [1, 2, 3]) await jobs.send(job)
  await until(() => ended.length > 0)
  await running.stop()
  // The second failed and was skipped; the third was never taken.
  expect(await connection.admin.groupOffsets('forfeit-uncommitted')).toEqual([{ topic: 'jobs', partition: 0, offset: 2 }])
  await using _again = await app.start()
  await until(() => seen.length === 3)
  expect(seen).toEqual([1, 2, 3])
  await connection.close()
})

test('crashing stops the worker with AgentError', async () => {
  const { app, jobs } = crew('crashing', crashing())
  await using worker = await testWorker(app)
  await worker.send(jobs, 5)
  const error: unknown = await worker.send(jobs, 1).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(AgentError)
  expect(error).toMatchObject({ agent: 'working', cause: expect.any(RangeError) as Error })
  expect((error as Error).message).toBe(
    'Agent "working" failed: RangeError: one is unlucky. Its supervisor is crashing(): the worker stops.',
  )
})

test.for([
  ['oneForOne', oneForOne()],
  ['oneForAll', oneForAll()],
  ['forfeitOneForOne', forfeitOneForOne()],
  ['forfeitOneForAll', forfeitOneForAll()],
] as const)('with isolatedPartitions %s looks after the actors of the partitions', async ([how, supervisor]) => {
  const app = new App(`isolated-${how}`)
  const jobs = app.topic('jobs', { value: count, partitions: 3 })
  const done: string[] = []
  let started = 0
  app.agent('working', { topic: jobs, isolatedPartitions: true, supervisor }, async stream => {
    started++
    for await (const { value, partition } of stream.events()) {
      if (value === 1) throw new RangeError('one is unlucky')
      done.push(`${partition}:${value}`)
    }
  })
  await using worker = await testWorker(app)
  await worker.send(jobs, 1, { partition: 1 })
  for (const partition of [0, 1, 2]) void jobs.send(7, { partition })
  await worker.advance(0)
  const expected = {
    oneForOne: { started: 4, done: ['0:7', '1:7', '2:7'] },
    oneForAll: { started: 6, done: ['0:7', '1:7', '2:7'] },
    forfeitOneForOne: { started: 3, done: ['0:7', '2:7'] },
    forfeitOneForAll: { started: 3, done: [] },
  }[how]
  expect({ started, done: sorted(done) }).toEqual(expected)
})

test('an agent that was forfeited gets no new actors when partitions come back', async () => {
  const app = new App('forfeited-for-good', { sessionTimeout: '10s' })
  const jobs = app.topic('jobs', { value: count, partitions: 4 })
  let started = 0
  app.agent('working', { topic: jobs, isolatedPartitions: true, supervisor: forfeitOneForAll() }, async stream => {
    started++
    for await (const job of stream) if (job === 1) throw new RangeError('one is unlucky')
  })
  await using worker = await testWorker(app)
  expect(started).toBe(4)
  await worker.send(jobs, 1)
  const other = await app.start()
  await worker.advance('1s')
  // Those of the other worker, which knows nothing of it.
  expect(started).toBe(6)
  await other.stop()
  await worker.advance('1s')
  expect(started).toBe(6)
  expect(app.describe().agents[0]).toMatchObject({ running: 0 })
})

test('an actor that keeps failing before the assignment takes its partition when it has recovered', async () => {
  const app = new App('isolated-early')
  const jobs = app.topic('jobs', { value: count, partitions: 3 })
  const done: number[] = []
  let started = 0
  app.agent('working', { topic: jobs, isolatedPartitions: true }, async stream => {
    if (++started < 60) throw new Error('not yet')
    for await (const job of stream) done.push(job)
  })
  await using worker = await testWorker(app)
  await turns(100)
  for (const partition of [0, 1, 2]) void jobs.send(partition, { partition })
  await worker.advance(0)
  expect(sorted(done)).toEqual([0, 1, 2])
  // No actor is left over.
  expect(app.describe().agents[0]?.running).toBe(3)
})

interface Life {
  state: 'running' | 'failed' | 'ended'
}

/** Three actors that compete for jobs; job 1 fails, and the first three wait for their gates. */
function crew(id: string, supervisor: Supervision) {
  const app = new App(id)
  const jobs = app.topic('jobs', { value: count, partitions: 1 })
  const actors: Life[] = []
  const done: number[] = []
  const running = new Set<number>()
  const gates: Gate[] = []
  app.agent('working', { topic: jobs, concurrency: 3, supervisor }, async stream => {
    const life: Life = { state: 'running' }
    actors.push(life)
    try {
      for await (const job of stream) {
        running.add(job)
        await gates[job]?.opened
        if (job === 1) throw new RangeError('one is unlucky')
        done.push(job)
      }
      life.state = 'ended'
    } catch (error) {
      life.state = 'failed'
      throw error
    }
  })
  return { app, jobs, actors, done, running, gates }
}

/** Gives each of the three actors a job that waits. */
async function fill({ jobs, running, gates }: ReturnType<typeof crew>): Promise<void> {
  for (const _job of [0, 1, 2]) gates.push(gate())
  for (const job of [0, 1, 2]) void jobs.send(job)
  await until(() => running.size === 3, 'three jobs in hand')
}

/** What is heard of actors that ended. */
function endings(): unknown[] {
  const heard: unknown[] = []
  const hear = (facts: unknown): void => void heard.push(facts)
  channel('faust:actor-ended').subscribe(hear)
  onTestFinished(() => {
    channel('faust:actor-ended').unsubscribe(hear)
  })
  return heard
}
