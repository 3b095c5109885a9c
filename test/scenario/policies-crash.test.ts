import { channel } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import { AgentError, App, crash, deadLetter, retry, type ErrorPolicy } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { logTo } from '../fixtures/log.js'
import { gate, turns, until } from '../fixtures/pacing.js'

const count = z.number()

test('crash stops the worker with AgentError, and the event is processed again by the next one', async () => {
  const { app, numbers, seen, mend } = scene('crashing', crash())
  // Keeps the broker's messages.
  const connection = await app.connect()
  const running = await app.start()
  for (const n of [1, 2, 3]) void numbers.send(n)
  const error: unknown = await running.stopped.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(AgentError)
  expect(error).toMatchObject({ code: 'FAUST_AGENT', agent: 'fragile', cause: expect.any(RangeError) as Error })
  expect((error as Error).message).toBe(
    'Agent "fragile" failed on "numbers"[0]@1: RangeError: unlucky. Its onError is crash(): the worker stops.',
  )
  // Nothing after it has been handed out.
  expect(seen).toEqual([1, 2])
  expect(await connection.admin.groupOffsets('crashing')).toEqual([{ topic: 'numbers', partition: 0, offset: 1 }])
  mend()
  await using _again = await app.start()
  await until(() => seen.length === 4)
  expect(seen).toEqual([1, 2, 2, 3])
  await connection.close()
})

test('after its tries retry may crash, and the answer to whoever asked is the error', async () => {
  const { app, agent, seen } = scene('tried-and-crashed', retry({ attempts: 3, backoff: '1s', then: crash() }))
  const worker = await testWorker(app)
  const asked = agent.ask(2).catch((error: unknown) => error)
  await expect(worker.advance('1m')).rejects.toBeInstanceOf(AgentError)
  expect(seen).toEqual([2, 2, 2])
  expect(await asked).toMatchObject({ code: 'FAUST_REPLY', remoteName: 'RangeError' })
  await worker[Symbol.asyncDispose]()
})

test('a test’s send rejects with what brought the worker down', async () => {
  const { app, numbers } = scene('told-to-the-test', crash())
  await using worker = await testWorker(app)
  await worker.send(numbers, 1)
  await expect(worker.send(numbers, 2)).rejects.toBeInstanceOf(AgentError)
  await expect(worker.send(numbers, 3)).rejects.toBeInstanceOf(AgentError)
})

test('other agents finish what they have in hand when one of them crashes the worker', async () => {
  const app = new App('others-finish', { broker: 'memory:others-finish', logger: logTo([]) })
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const slow = gate()
  const done: number[] = []
  app.agent('slow', { topic: numbers }, async stream => {
    for await (const n of stream) {
      await slow.opened
      done.push(n)
    }
  })
  app.agent('fragile', { topic: numbers, onError: crash() }, async stream => {
    for await (const n of stream) if (n === 2) throw new RangeError('unlucky')
  })
  const running = await app.start()
  for (const n of [1, 2, 3]) void numbers.send(n)
  await turns(50)
  slow.open()
  await expect(running.stopped).rejects.toBeInstanceOf(AgentError)
  expect(done).toEqual([1])
})

test('every failure is logged once with its place, and can be listened to', async () => {
  const lines: string[] = []
  const facts: object[] = []
  const heard: unknown[] = []
  const hear = (fact: unknown): void => void heard.push(fact)
  channel('faust:agent-failed').subscribe(hear)
  onTestFinished(() => {
    channel('faust:agent-failed').unsubscribe(hear)
  })
  const app = new App('logged', { broker: 'memory:logged', logger: logTo(lines, facts) })
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  app.agent('fragile', { topic: numbers }, async stream => {
    for await (const n of stream) if (n === 2) throw new RangeError('unlucky')
  })
  await using _running = await app.start()
  for (const n of [1, 2, 3]) await numbers.send(n)
  await until(() => heard.length > 0)
  await turns(20)
  const place = { agent: 'fragile', topic: 'numbers', partition: 0, offset: 1, error: expect.any(RangeError) as Error }
  expect(heard).toEqual([place])
  expect(lines.filter(line => line.startsWith('error'))).toEqual(['error Agent "fragile" failed: unlucky'])
  expect(facts).toContainEqual(place)
})

test('a failure with nothing in hand is the supervisor’s alone', async () => {
  const app = new App('nothing-in-hand')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const letters = app.topic('numbers-dead-letters', { value: count })
  const seen: number[] = []
  let starts = 0
  app.agent('late-starter', { topic: numbers, onError: retry({ attempts: 9, then: deadLetter() }) }, async stream => {
    if (++starts < 4) throw new Error('not yet')
    for await (const n of stream) seen.push(n)
  })
  const crashing = new App('nothing-in-hand-crash')
  const others = crashing.topic('numbers', { value: count })
  let crashes = 0
  crashing.agent('late-starter', { topic: others, onError: crash() }, async stream => {
    if (++crashes < 4) throw new Error('not yet')
    for await (const n of stream) seen.push(n)
  })
  {
    await using worker = await testWorker(app)
    await worker.send(numbers, 1)
    expect(await worker.received(letters)).toEqual([])
  }
  await using worker = await testWorker(crashing)
  await worker.send(others, 2)
  expect(seen).toEqual([1, 2])
  expect([starts, crashes]).toEqual([4, 4])
})

test('a failure after the loop, or between two loops, is that of the event still in hand', async () => {
  const app = new App('after-the-loop')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const letters = app.topic('numbers-dead-letters', { value: count })
  const seen: number[] = []
  app.agent('breaking', { topic: numbers, onError: deadLetter() }, async stream => {
    for await (const n of stream) {
      seen.push(n)
      break
    }
    if (seen.at(-1) === 1) throw new Error('after the loop')
    for await (const n of stream) seen.push(n)
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(numbers, n)
  expect(seen).toEqual([1, 2, 3])
  expect(await worker.received(letters)).toEqual([1])
})

function scene(id: string, onError: ErrorPolicy) {
  const app = new App(id, { broker: `memory:${id}`, logger: logTo([]) })
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const seen: number[] = []
  let isBroken = true
  const agent = app.agent('fragile', { topic: numbers, onError }, async function* (stream) {
    for await (const n of stream) {
      seen.push(n)
      if (n === 2 && isBroken) throw new RangeError('unlucky')
      yield n
    }
  })
  const mend = (): void => {
    isBroken = false
  }
  return { app, numbers, agent, seen, mend }
}
