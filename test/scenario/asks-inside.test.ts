import { expect, test } from 'vitest'
import { App, AskTimeoutError, ReplyError, type Agent } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { logTo } from '../fixtures/log.js'
import { turns, until } from '../fixtures/pacing.js'
import { sorted } from '../fixtures/sorted.js'

const count = z.number()

/** An app with an agent that adds one, and the name of a topic that nobody reads. */
function scene(id: string) {
  const app = new App(id)
  const adding = app.agent('adding', { value: count }, async function* (stream) {
    for await (const n of stream) yield n + 1
  })
  const nobody = app.remote<Agent<number, number>>('nobody-reads-this')
  return { app, adding, nobody }
}

test.for([1, 3])('an agent asks another one of the same app, which runs on %d workers', async workers => {
  const { app, adding } = scene('chain-of-two')
  const twice = app.agent('twice', { value: count }, async function* (stream) {
    for await (const n of stream) yield (await adding.ask(n)) * 2
  })
  await using worker = await testWorker(app, { workers })
  expect(await twice.ask(4)).toBe(10)
  await worker.send(twice, 1)
  expect(await twice.join([1, 2, 3, 4, 5])).toEqual([4, 6, 8, 10, 12])
})

test('a chain of three, and an agent that asks itself by another actor', async () => {
  const { app, adding } = scene('chain-of-three')
  const second = app.agent('second', { value: count }, async function* (stream) {
    for await (const n of stream) yield (await adding.ask(n)) * 10
  })
  const third = app.agent('third', { value: count }, async function* (stream) {
    for await (const n of stream) yield (await second.ask(n)) + (await adding.ask(n))
  })
  const countdown: Agent<number, number> = app.agent('countdown', { value: count, concurrency: 5 }, async function* (stream) {
    for await (const n of stream) yield n === 0 ? 0 : 1 + (await countdown.ask(n - 1))
  })
  await using _worker = await testWorker(app)
  expect(await third.ask(4)).toBe(55)
  expect(await third.join([1, 2])).toEqual([22, 33])
  expect(await countdown.ask(4)).toBe(4)
})

test('agents, tasks and timers ask in a plain program too', async () => {
  const app = new App('plain-program', { broker: 'memory:plain-program', logger: logTo([]) })
  const answers: number[] = []
  const adding = app.agent('adding', { value: count }, async function* (stream) {
    for await (const n of stream) {
      await turns(1)
      yield n + 1
    }
  })
  const twice = app.agent('twice', { value: count }, async function* (stream) {
    for await (const n of stream) {
      await turns(1)
      yield (await adding.ask(n)) * 2
    }
  })
  app.task('asking', {}, async () => {
    await turns(3)
    answers.push(await adding.ask(1))
  })
  app.timer('asking', { every: 1 }, async () => {
    if (answers.length < 2) answers.push(await adding.ask(10))
  })
  await using _running = await app.start()
  expect(await twice.join([1, 2, 3])).toEqual([4, 6, 8])
  await until(() => answers.length >= 2)
  expect(sorted(answers).slice(0, 2)).toEqual([2, 11])
})

test('map and join work inside an agent as they do outside', async () => {
  const { app, adding } = scene('inside-join')
  const sum = app.agent('sum', { value: z.array(count) }, async function* (stream) {
    for await (const numbers of stream) {
      let mapped = 0
      for await (const n of adding.map(numbers)) mapped += n
      const joined = await adding.join(numbers)
      yield [mapped, joined.reduce((total, n) => total + n, 0)]
    }
  })
  await using _worker = await testWorker(app)
  expect(await sum.ask([1, 2, 3])).toEqual([9, 9])
})

test('a task asks, before and after its first wait', async () => {
  const { app, adding } = scene('task')
  const answers: number[] = []
  app.task('asking', {}, async () => {
    answers.push(await adding.ask(1))
    answers.push(...(await adding.join([2, 3])))
  })
  await using worker = await testWorker(app)
  await until(() => answers.length === 3)
  expect(answers).toEqual([2, 3, 4])
  await worker.advance(0)
})

test('a task’s ask that nobody answers is given up at once, and the task may live with it', async () => {
  const { app, nobody } = scene('task-in-vain')
  const errors: unknown[] = []
  app.task('asking', {}, async () => {
    await nobody.ask(1).catch((error: unknown) => errors.push(error))
  })
  await using _worker = await testWorker(app)
  await until(() => errors.length > 0, 'the ask to be given up')
  expect(errors[0]).toBeInstanceOf(AskTimeoutError)
})

test('a timer asks', async () => {
  const { app, adding } = scene('timer')
  const answers: number[] = []
  app.timer('asking', { every: '10s' }, async () => {
    answers.push(await adding.ask(answers.length))
  })
  await using worker = await testWorker(app)
  await worker.advance('35s')
  expect(answers).toEqual([1, 2, 3])
})

test('a timer’s ask that nobody answers runs into its time-out, and the clock goes on', async () => {
  const { app, nobody } = scene('timer-in-vain')
  const errors: [number, unknown][] = []
  let ticks = 0
  app.timer('asking', { every: '10s' }, async () => {
    ticks++
    await nobody.ask(1, { timeout: '15s' }).catch((error: unknown) => errors.push([ticks, error]))
  })
  await using worker = await testWorker(app)
  await worker.advance('26s')
  expect(errors).toEqual([[1, expect.any(AskTimeoutError)]])
})

test('an ask made by an agent that nobody answers is given up at once, and the agent’s asker hears of it', async () => {
  const { app, nobody } = scene('agent-in-vain')
  const seen: unknown[] = []
  const asking = app.agent('asking', { value: count }, async function* (stream) {
    for await (const n of stream) yield await nobody.ask(n)
  })
  const catching = app.agent('catching', { value: count }, async function* (stream) {
    for await (const n of stream) yield await nobody.ask(n).catch((error: Error) => error.name)
  })
  asking.to(n => void seen.push(n))
  await using worker = await testWorker(app)
  // The outer ask was there first: its time is over first, unless the inner one has less of it.
  await expect(asking.ask(1)).rejects.toBeInstanceOf(AskTimeoutError)
  expect(await catching.ask(1, { timeout: '1m' })).toBe('AskTimeoutError')
  const error: unknown = await asking.ask(1, { timeout: '1m' }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ReplyError)
  expect(error).toMatchObject({ agent: 'asking', remoteName: 'AskTimeoutError' })
  expect((error as Error).message).toContain('Agent "nobody-reads-this" did not answer')
  // Sending resolves too: the event has failed, and is done with.
  await worker.send(asking, 2)
  expect(app.describe().agents.find(({ name }) => name === 'asking')?.failed).toBe(3)
  expect(seen).toEqual([])
})

test('an ask behind which there is still somebody at work is not given up', async () => {
  const { app } = scene('at-work')
  const slow = app.agent('slow', { value: count }, async function* (stream) {
    for await (const n of stream) {
      await turns(n)
      yield n
    }
  })
  await using _worker = await testWorker(app)
  expect(await slow.ask(300)).toBe(300)
})

test.for([
  ['ask', 'awaited at once', (agent: Agent<number, number>) => agent.ask(1)],
  ['join', 'awaited at once', (agent: Agent<number, number>) => agent.join([1, 2])],
  ['kvjoin', 'awaited at once', (agent: Agent<number, number>) => agent.kvjoin([['k', 1]])],
  ['map', 'read by a loop', (agent: Agent<number, number>) => read(agent.map([1]))],
  ['kvmap', 'read by a loop', (agent: Agent<number, number>) => read(agent.kvmap([['k', 1]]))],
] as const)('the stack of an AskTimeoutError points at the line of the %s, %s', async ([, , call]) => {
  const { app, nobody } = scene('stack')
  await using _worker = await testWorker(app)
  const error: unknown = await call(nobody).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(AskTimeoutError)
  const [first, frame] = (error as Error).stack?.split('\n') ?? []
  expect(first).toMatch(/^AskTimeoutError: Agent "nobody-reads-this" did not answer request [\da-f-]+ within 30s/)
  expect(frame).toMatch(/asks-inside\.test\.ts/)
})

test('the stack points at the ask also where its promise is awaited later', async () => {
  const { app, nobody, adding } = scene('stack-later')
  await using worker = await testWorker(app)
  const error = await askedFromHere(nobody).catch((thrown: unknown) => thrown as Error)
  expect((error as Error).stack).toMatch(/^AskTimeoutError: .*\n +at askedFromHere \(.*asks-inside\.test\.ts/)
  const silent = app.remote<Agent<number, number>>('stack-later-adding')
  await worker.advance(0)
  expect(await silent.ask(1)).toBe(2)
  const refused = await wrongFromHere(adding).catch((thrown: unknown) => thrown as Error)
  expect((refused as Error).stack).toMatch(/^ReplyError: .*\n +at wrongFromHere \(.*asks-inside\.test\.ts/)
})

async function askedFromHere(agent: Agent<number, number>): Promise<number> {
  const answer = agent.ask(1)
  answer.catch(() => undefined)
  await turns(30)
  return await answer
}

function wrongFromHere(agent: Agent<number, number>): Promise<number> {
  return agent.ask('not a number' as never)
}

async function read(values: AsyncIterable<unknown>): Promise<void> {
  for await (const _value of values) continue
}
