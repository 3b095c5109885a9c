import { expect, test } from 'vitest'
import { App, ClosedError, type AppOptions } from 'faust-ts'
import { testWorker, virtualClock, type VirtualClock } from 'faust-ts/testing'
import { z } from 'zod'
// Only its broker can cut a worker off as a crash does.
import { MemoryBroker } from '../../src/embedded/memory/broker.js'
import { logTo } from '../fixtures/log.js'
import { gate, turns, until } from '../fixtures/pacing.js'

const count = z.number()

/** Two apps on one broker: one asks, one answers. */
function pair(broker: string, options: AppOptions = {}) {
  const [asking, answering] = [new App('asking', { broker }), new App('answering', { broker, ...options })]
  const requests = answering.topic('requests', { value: count, partitions: 1 })
  const slow = gate()
  const seen: number[] = []
  const agent = answering.agent('slow', { topic: requests }, async function* (stream) {
    for await (const n of stream) {
      seen.push(n)
      if (n === 1) await slow.opened
      yield n * 2
    }
  })
  return { asking, answering, agent: asking.remote<typeof agent>('requests'), local: agent, slow, seen }
}

test('an asker that goes away is told so, and the answer that nobody waits for harms no worker', async () => {
  const lines: string[] = []
  const { asking, answering, agent, local, slow, seen } = pair('memory:caller-dies', { logger: logTo(lines) })
  await using running = await answering.start()
  const given = agent.ask(1).catch((error: unknown) => error)
  await until(() => seen.length === 1)
  await asking[Symbol.asyncDispose]()
  const error = await given
  expect(error).toBeInstanceOf(ClosedError)
  expect((error as Error).message).toContain('Asking agent "requests" was given up')
  slow.open()
  expect(await local.ask(2)).toBe(4)
  await turns(20)
  expect(lines.filter(line => line.startsWith('error'))).toEqual([])
  // Nor does the worker mind when it stops: everything it owes has been dealt with.
  await running.stop()
  await expect(running.stopped).resolves.toBe(undefined)
})

test('an asker whose reply topic is known already may go away too', async () => {
  const lines: string[] = []
  const { asking, answering, agent, local, slow, seen } = pair('memory:known-caller-dies', { logger: logTo(lines) })
  await using running = await answering.start()
  expect(await agent.ask(5)).toBe(10)
  const given = agent.ask(1).catch((error: unknown) => error)
  await until(() => seen.length === 2)
  // The answer is written in the very turn in which the topic goes.
  const gone = asking[Symbol.asyncDispose]()
  slow.open()
  await gone
  expect([await given].some(each => each instanceof ClosedError || each === 2)).toBe(true)
  for (let n = 2; n < 6; n++) expect(await local.ask(n)).toBe(n * 2)
  await running.stop()
  await expect(running.stopped).resolves.toBe(undefined)
  expect(lines.filter(line => line.startsWith('error'))).toEqual([])
})

test('disposing of an app rejects what it asks, at whatever step it is, and leaves nothing running', async () => {
  const { asking, answering, agent } = pair('memory:disposed-early')
  await using _running = await answering.start()
  for (const steps of [0, 1, 2, 3, 5, 8]) {
    const asked = [agent.ask(2), agent.ask(3)].map(answer => answer.catch((error: unknown) => error))
    await turns(steps)
    await asking[Symbol.asyncDispose]()
    for (const outcome of await Promise.all(asked)) {
      const isFine = outcome instanceof ClosedError || outcome === 4 || outcome === 6
      expect([steps, isFine ? 'fine' : outcome]).toEqual([steps, 'fine'])
    }
    await using connection = await closing(answering)
    const topics = await connection.admin.topics()
    expect(topics.map(({ name }) => name).filter(name => name.startsWith('f-reply-'))).toEqual([])
  }
  // It can be used again.
  expect(await agent.ask(4)).toBe(8)
  await asking[Symbol.asyncDispose]()
})

test('an app whose reply topic was deleted asks again on a fresh one', async () => {
  const lines: string[] = []
  const { asking, answering, agent } = pair('memory:reply-topic-deleted')
  using _world = asking.override({ logger: logTo(lines) })
  await using _running = await answering.start()
  expect(await agent.ask(2)).toBe(4)
  await using connection = await closing(answering)
  const names = async (): Promise<string[]> => (await connection.admin.topics()).map(({ name }) => name)
  const [address = ''] = (await names()).filter(name => name.startsWith('f-reply-asking-'))
  await connection.admin.deleteTopics([address])
  await until(() => lines.length > 0)
  expect(lines).toEqual(['warn Replies cannot be read any more: the next ask makes the topic anew'])
  expect(await names()).not.toContain(address)
  for (const n of [3, 4]) expect(await agent.ask(n)).toBe(n * 2)
  expect(await names()).toContain(address)
  await asking[Symbol.asyncDispose]()
  expect(await names()).not.toContain(address)
})

test('a map whose app is disposed of ends with ClosedError and sends nothing more', async () => {
  const { asking, answering, agent, seen } = pair('memory:disposed-map')
  await using _running = await answering.start()
  const endless = function* (): Generator<number> {
    for (let n = 2; ; n++) yield n
  }
  const taken: number[] = []
  const mapped = (async () => {
    for await (const answer of agent.map(endless())) {
      taken.push(answer)
      if (taken.length === 10) void asking[Symbol.asyncDispose]()
    }
  })()
  await expect(mapped).rejects.toBeInstanceOf(ClosedError)
  await turns(20)
  const handled = seen.length
  await turns(20)
  expect(seen.length).toBe(handled)
})

test('a worker that dies in mid-request leaves it to the survivor, and the asker gets its answer', async () => {
  const broker = new MemoryBroker()
  const clock = virtualClock()
  const app = new App('takeover', { sessionTimeout: '10s' })
  using _world = app.override({ broker: broker.transport(), clock, logger: logTo([]), isSimulated: true })
  const requests = app.topic('requests', { value: count, partitions: 2 })
  const handled: string[] = []
  const agent = app.agent('answering', { topic: requests }, async function* (stream) {
    const me = handled.filter(line => line.startsWith('start')).length
    handled.push(`start ${me}`)
    for await (const event of stream.events()) {
      handled.push(`worker ${me} takes ${event.value}`)
      if (me === dies && event.value === 13) await new Promise(() => undefined)
      yield event.value * 2
    }
  })
  let dies = -1
  await app.start()
  await using _second = await app.start()
  // Which worker has which partition is theirs to agree on: the one that takes it is the one that dies.
  expect(await agent.ask(1, { partition: 0 })).toBe(2)
  dies = Number(/^worker (\d) takes 1$/.exec(handled.at(-1) ?? '')?.[1])
  const asked = agent.ask(13, { partition: 0, timeout: '1m' })
  await until(() => handled.at(-1) === `worker ${dies} takes 13`)
  broker.sever(`takeover-${dies}`)
  await pass(clock, 9)
  expect(handled.at(-1)).toBe(`worker ${dies} takes 13`)
  // The session time-out, and the rounds of the group after it.
  await pass(clock, 20)
  expect(await asked).toBe(26)
  expect(handled).toContain(`worker ${1 - dies} takes 13`)
  expect(await agent.ask(4, { partition: 0 })).toBe(8)
})

test('an asker that dies with its worker does not stop the worker that answers', async () => {
  const broker = new MemoryBroker()
  const clock = virtualClock()
  const [asking, answering] = [new App('asking'), new App('answering')]
  using _one = asking.override({ broker: broker.transport(), clock, logger: logTo([]), isSimulated: true })
  using _two = answering.override({ broker: broker.transport(), clock, logger: logTo([]), isSimulated: true })
  const slow = gate()
  const agent = answering.agent('slow', { value: count }, async function* (stream) {
    for await (const n of stream) {
      if (n === 1) await slow.opened
      yield n
    }
  })
  await using running = await answering.start()
  await using _client = await asking.client()
  void asking
    .remote<typeof agent>('answering-slow')
    .ask(1)
    .catch(() => undefined)
  await turns(20)
  broker.sever('asking-0')
  slow.open()
  await turns(20)
  expect(await agent.ask(2)).toBe(2)
  await running.stop()
  await expect(running.stopped).resolves.toBe(undefined)
})

test('testWorker leaves no asker waiting when it is disposed of', async () => {
  const app = new App('disposed-test')
  const held = gate()
  const agent = app.agent('holding', { value: count }, async function* (stream) {
    for await (const n of stream) {
      await held.opened
      yield n
    }
  })
  const worker = await testWorker(app)
  const asked = agent.ask(1).catch((error: unknown) => error)
  await turns(20)
  const disposed = worker[Symbol.asyncDispose]()
  expect(await Promise.race([asked, disposed.then(() => 'disposed first')])).toBeInstanceOf(ClosedError)
  held.open()
  await disposed
})

/** Lets time go by though somebody seems to be at work. */
async function pass(clock: VirtualClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.skip(1000)
    await turns(10)
  }
}

async function closing(app: App) {
  const connection = await app.connect()
  return { admin: connection.admin, [Symbol.asyncDispose]: () => connection.close() }
}
