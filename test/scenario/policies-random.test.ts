import fc from 'fast-check'
import { expect, test } from 'vitest'
import { App, deadLetter, retry } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { sorted } from '../fixtures/sorted.js'

const Job = z.object({ id: z.number(), failures: z.number() })
type Job = z.infer<typeof Job>

interface Plan {
  readonly actors: number
  readonly attempts: number
  readonly isIsolated: boolean
  readonly batch: number
  readonly jobs: readonly { readonly partition: number; readonly failures: number }[]
}

const plans = fc.record({
  actors: fc.integer({ min: 1, max: 4 }),
  attempts: fc.integer({ min: 1, max: 4 }),
  isIsolated: fc.boolean(),
  batch: fc.constantFrom(0, 0, 1, 3),
  jobs: fc.array(fc.record({ partition: fc.nat(2), failures: fc.nat(5) }), { maxLength: 25 }),
})

test('whatever fails however often: each job is tried as often as it may be, done once or buried, and keeps its place', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async plan => {
      const { tries, done, buried } = await run(plan)
      const jobs = plan.jobs.map(({ failures }, id) => ({ id, failures, isDone: failures < plan.attempts }))
      const ids = done.map(({ id }) => id)
      expect(sorted([...ids, ...buried])).toEqual(jobs.map(({ id }) => id))
      for (const { id } of jobs) expect(tries.get(id)).toBeLessThanOrEqual(plan.attempts)
      // A batch fails as one, the good ones with the bad.
      if (plan.batch > 0) return
      expect(sorted(buried)).toEqual(jobs.filter(({ isDone }) => !isDone).map(({ id }) => id))
      for (const { id, failures } of jobs) expect(tries.get(id)).toBe(Math.min(failures + 1, plan.attempts))
      if (plan.actors === 1 || plan.isIsolated) expectOrder(plan, ids)
    }),
    { numRuns: 60 },
  )
})

function expectOrder({ jobs }: Plan, done: readonly number[]): void {
  for (const partition of [0, 1, 2]) {
    const ids = done.filter(id => jobs[id]?.partition === partition)
    expect(ids).toEqual(sorted(ids))
  }
}

async function run({ actors, attempts, isIsolated, batch, jobs }: Plan) {
  const app = new App('random')
  const topic = app.topic('jobs', { value: Job, partitions: 3 })
  const letters = app.topic('jobs-dead-letters', { value: Job })
  const tries = new Map<number, number>()
  const done: Job[] = []
  const succeeds = ({ id, failures }: Job): boolean => {
    const count = (tries.get(id) ?? 0) + 1
    tries.set(id, count)
    return count > failures
  }
  const onError = retry({ attempts, backoff: '1s', then: deadLetter() })
  const how = isIsolated ? { isolatedPartitions: true } : { concurrency: actors }
  app.agent('working', { topic, onError, ...how }, async stream => {
    if (batch > 0) {
      for await (const some of stream.batch(batch, { within: '100ms' })) {
        const failures = some.filter(job => !succeeds(job))
        if (failures.length > 0) throw new Error(`${failures.length} of ${some.length}`)
        done.push(...some)
      }
    }
    for await (const job of stream) {
      await Promise.resolve()
      if (!succeeds(job)) throw new Error(`job ${job.id}`)
      done.push(job)
    }
  })
  await using worker = await testWorker(app)
  for (const [id, { partition, failures }] of jobs.entries()) {
    void topic.send({ id, failures }, { partition })
  }
  await worker.advance('10m')
  return { tries, done, buried: (await worker.received(letters)).map(({ id }) => id) }
}
