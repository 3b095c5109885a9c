import { expect, test } from 'vitest'
import { App, oneForAll, oneForOne, RestartBudgetError, type Supervision } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { turns } from '../fixtures/pacing.js'

const count = z.number()

/** An agent that fails on every negative number, and at each of its first `falseStarts` starts. */
function scene(id: string, supervisor?: Supervision, falseStarts = 0) {
  const app = new App(id)
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const seen: number[] = []
  let starts = 0
  app.agent('fragile', { topic: numbers, ...(supervisor === undefined ? {} : { supervisor }) }, async stream => {
    if (++starts <= falseStarts) throw new Error(`start ${starts}`)
    for await (const n of stream) {
      seen.push(n)
      if (n < 0) throw new RangeError(`cannot do ${n}`)
    }
  })
  const started = (): number => starts
  return { app, numbers, seen, started }
}

test('by default a poison stream cannot stop the worker: failures on events do not count', async () => {
  const { app, numbers, seen } = scene('poison')
  await using worker = await testWorker(app)
  for (let n = 1; n <= 500; n++) void numbers.send(-n)
  await worker.advance(0)
  await worker.send(numbers, 7)
  expect(seen.length).toBe(501)
  expect(seen.at(-1)).toBe(7)
})

test('by default a hundred failures with nothing in hand are borne within a second, and one more is not', async () => {
  const bearable = scene('bearable', undefined, 100)
  {
    await using worker = await testWorker(bearable.app)
    await turns(150)
    await worker.send(bearable.numbers, 1)
    expect(bearable.started()).toBe(101)
    expect(bearable.seen).toEqual([1])
  }
  const { app, numbers } = scene('unbearable', undefined, 101)
  await using worker = await testWorker(app)
  await turns(150)
  const error: unknown = await worker.send(numbers, 1).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(RestartBudgetError)
  expect(error).toMatchObject({ code: 'FAUST_RESTART_BUDGET', agent: 'fragile', cause: { message: 'start 101' } })
  expect((error as Error).message).toBe(
    'Agent "fragile" has spent its restart budget: more than 100 restarts within 1s; the last failure: start 101. ' +
      'Fix the agent, or raise restarts.',
  )
})

test('an agent that cannot even start stops its worker instead of spinning', async () => {
  const { app } = scene('never-starts', undefined, Infinity)
  const outcome = await (async () => {
    await using worker = await testWorker(app)
    await turns(200)
    await worker.advance(0)
  })().catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(RestartBudgetError)
})

test('naming restarts counts every one, those on events too', async () => {
  const { app, numbers, seen } = scene('named', oneForOne({ restarts: 3, within: '10s' }))
  await using worker = await testWorker(app)
  for (const n of [-1, -2, -3]) await worker.send(numbers, n)
  await worker.send(numbers, 4)
  await expect(worker.send(numbers, -5)).rejects.toBeInstanceOf(RestartBudgetError)
  expect(seen).toEqual([-1, -2, -3, 4, -5])
})

test('naming only within leaves events uncounted', async () => {
  const { app, numbers, seen } = scene('within-only', oneForOne({ within: '1h' }))
  await using worker = await testWorker(app)
  for (let n = 1; n <= 150; n++) void numbers.send(-n)
  await worker.advance(0)
  expect(seen.length).toBe(150)
})

test('the window slides: a restart counts until it is as old as the window', async () => {
  const { app, numbers, seen } = scene('sliding', oneForOne({ restarts: 2, within: '10s' }))
  await using worker = await testWorker(app)
  await worker.send(numbers, -1)
  await worker.advance('6s')
  await worker.send(numbers, -2)
  // Ten seconds after the first, four after the second: there is room for one, not for two.
  await worker.advance('4s')
  await worker.send(numbers, -3)
  await worker.advance('5.9s')
  await expect(worker.send(numbers, -4)).rejects.toBeInstanceOf(RestartBudgetError)
  expect(seen).toEqual([-1, -2, -3, -4])
})

test('a budget of no restarts stops the worker at the first failure', async () => {
  for (const supervisor of [oneForOne({ restarts: 0 }), oneForAll({ restarts: 0 })]) {
    const { app, numbers } = scene('none', supervisor)
    await using worker = await testWorker(app)
    await worker.send(numbers, 1)
    await expect(worker.send(numbers, -1)).rejects.toBeInstanceOf(RestartBudgetError)
  }
})

test('each agent has a budget of its own, and so has each worker', async () => {
  const app = new App('own-budgets')
  const numbers = app.topic('numbers', { value: count, partitions: 2 })
  for (const name of ['one', 'two']) {
    app.agent(name, { topic: numbers, supervisor: oneForOne({ restarts: 2, within: '1m' }) }, async stream => {
      for await (const n of stream) if (n < 0) throw new Error(String(n))
    })
  }
  await using worker = await testWorker(app, { workers: 2 })
  for (const partition of [0, 1]) for (const n of [-1, -2]) await worker.send(numbers, n, { partition })
  expect(app.describe().agents.map(({ failed }) => failed)).toEqual([4, 4])
  await expect(worker.send(numbers, -3, { partition: 0 })).rejects.toBeInstanceOf(RestartBudgetError)
})
