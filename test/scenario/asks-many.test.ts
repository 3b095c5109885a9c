import { expect, test } from 'vitest'
import { App, AskTimeoutError, NoReplyError, ReplyError } from 'faust-ts'
import { testWorker, virtualClock } from 'faust-ts/testing'
import { z } from 'zod'
import { gate, turns, until } from '../fixtures/pacing.js'
import { sorted } from '../fixtures/sorted.js'

const count = z.number()

/** Answers with the square, by several actors, so that answers come out of order. */
function squaring(id: string) {
  const app = new App(id)
  const asked: number[] = []
  const requests = app.topic('requests', { value: count, partitions: 4 })
  const agent = app.agent('squaring', { topic: requests, concurrency: 4 }, async function* (stream) {
    for await (const n of stream) {
      asked.push(n)
      for (let waits = n % 7; waits > 0; waits--) await Promise.resolve()
      if (n === 13) throw new RangeError('unlucky')
      if (n !== 14) yield n * n
    }
  })
  return { app, agent, asked, requests }
}

test('join asks for every value and resolves to the answers in the order of the values', async () => {
  const { app, agent } = squaring('join')
  await using _worker = await testWorker(app)
  expect(await agent.join([1, 2, 3, 4])).toEqual([1, 4, 9, 16])
  expect(await agent.join([])).toEqual([])
  expect(await agent.join(new Set([5, 6]))).toEqual([25, 36])
  expect(await agent.join(slowly([7, 8, 9]))).toEqual([49, 64, 81])
})

test('map gives the answers as they come', async () => {
  const app = new App('map')
  const gates = [gate(), gate(), gate()]
  const agent = app.agent('waiting', { value: count, concurrency: 3 }, async function* (stream) {
    for await (const n of stream) {
      await gates[n]?.opened
      yield n
    }
  })
  await using _worker = await testWorker(app)
  const answers = agent.map([0, 1, 2])[Symbol.asyncIterator]()
  const order: number[] = []
  for (const n of [2, 0, 1]) {
    gates[n]?.open()
    order.push((await answers.next()).value as number)
  }
  expect(order).toEqual([2, 0, 1])
  expect(await answers.next()).toEqual({ value: undefined, done: true })
  expect(await all(agent.map([]))).toEqual([])
  expect(sorted(await all(agent.map(slowly([0, 1, 2]))))).toEqual([0, 1, 2])
})

test('kvmap and kvjoin send each value under its own key', async () => {
  const { app, agent, requests } = squaring('keyed')
  const seen: unknown[] = []
  app.agent('looking', { topic: requests }, async stream => {
    for await (const [key, n] of stream.entries()) seen.push([Buffer.from(key ?? '').toString(), n])
  })
  await using worker = await testWorker(app)
  const pairs = [
    ['k1', 1],
    ['k2', 2],
    ['k1', 3],
  ] as const
  expect(await agent.kvjoin(pairs)).toEqual([1, 4, 9])
  await worker.advance(0)
  expect(sorted(seen)).toEqual(sorted(pairs))
  expect(sorted(await all(agent.kvmap(slowly(pairs))))).toEqual([1, 4, 9])
  expect(await agent.kvjoin(new Map([['x', 9]]))).toEqual([81])
  expect(await agent.join([2, 3], { key: 'same' })).toEqual([4, 9])
})

test('map starts before all is sent, takes endless input, and closes it when the loop is left', async () => {
  const { app, agent, asked } = squaring('endless')
  await using worker = await testWorker(app)
  let [given, isClosed] = [0, false]
  const endless = function* (): Generator<number> {
    try {
      for (;;) yield 20 + given++
    } finally {
      isClosed = true
    }
  }
  let taken = 0
  for await (const answer of agent.map(endless())) {
    expect(Math.sqrt(answer) % 1).toBe(0)
    if (++taken === 3000) break
  }
  expect(isClosed).toBe(true)
  // No more than a thousand were under way when the loop was left.
  expect(given).toBeGreaterThanOrEqual(3000)
  expect(given).toBeLessThanOrEqual(4001)
  await worker.advance(0)
  const total = asked.length
  await turns(50)
  expect(asked.length).toBe(total)
})

test('at most a thousand are under way or wait to be taken, however slow the taker or the agent', async () => {
  const app = new App('bounded')
  const slow = gate()
  let asked = 0
  const agent = app.agent('waiting', { value: count }, async function* (stream) {
    for await (const n of stream) {
      asked++
      if (n > 0) await slow.opened
      yield n
    }
  })
  await using _worker = await testWorker(app)
  let given = 0
  const numbers = function* (total: number, value: number): Generator<number> {
    for (let left = total; left > 0; left--) {
      given++
      yield value
    }
  }
  // A slow agent: nothing is answered.
  const waiting = agent.join(numbers(1500, 1))
  await until(() => asked === 1)
  await turns(50)
  expect(given).toBe(1000)
  slow.open()
  expect((await waiting).length).toBe(1500)
  // A slow taker: everything is answered, nothing is taken.
  given = 0
  const answers = agent.map(numbers(1500, 0))[Symbol.asyncIterator]()
  await answers.next()
  await turns(200)
  expect(given).toBe(1001)
  for (let taken = 0; taken < 500; taken++) await answers.next()
  await turns(100)
  expect(given).toBe(1500)
})

test('a hundred thousand are asked in one call', { timeout: 60_000 }, async () => {
  const app = new App('many')
  const agent = app.agent('doubling', { value: count }, async function* (stream) {
    for await (const n of stream) yield n * 2
  })
  await using _worker = await testWorker(app)
  const answers = await agent.join(Array.from({ length: 100_000 }, (_, n) => n))
  expect(answers.length).toBe(100_000)
  expect(answers.every((answer, n) => answer === n * 2)).toBe(true)
})

test.for(['map', 'join', 'kvmap', 'kvjoin'] as const)(
  'the first failure of %s carries its index and abandons the rest',
  async how => {
    const { app, agent, asked } = squaring(`failing-${how}`)
    await using worker = await testWorker(app)
    let isClosed = false
    const input = async function* (): AsyncGenerator<number> {
      try {
        for (let n = 3; ; n++) {
          yield n
          await Promise.resolve()
        }
      } finally {
        isClosed = true
      }
    }
    const pairs = async function* (): AsyncGenerator<[string, number]> {
      for await (const n of input()) yield ['k', n]
    }
    const call = {
      map: () => all(agent.map(input())),
      join: () => agent.join(input()),
      kvmap: () => all(agent.kvmap(pairs())),
      kvjoin: () => agent.kvjoin(pairs()),
    }[how]
    const error: unknown = await call().catch((thrown: unknown) => thrown)
    expect(error instanceof ReplyError || error instanceof NoReplyError).toBe(true)
    expect(error).toMatchObject(error instanceof ReplyError ? { index: 10, remoteName: 'RangeError' } : { index: 11 })
    expect(isClosed).toBe(true)
    await worker.advance(0)
    expect(asked.length).toBeLessThan(1100)
  },
)

test('a failure does not wait for an input that takes its time, and such an input is left in peace', async () => {
  const { app, agent } = squaring('slow-input')
  await using _worker = await testWorker(app)
  const never = gate()
  const input = async function* (): AsyncGenerator<number> {
    yield 13
    await never.opened
    yield 1
  }
  await expect(agent.join(input())).rejects.toMatchObject({ index: 0, remoteName: 'RangeError' })
  const answers = agent.map(
    (async function* () {
      yield 2
      await never.opened
      yield 1
    })(),
  )
  for await (const answer of answers) {
    expect(answer).toBe(4)
    break
  }
  never.open()
})

test('what is abandoned is waited for no longer, so that a program may end', async () => {
  const app = new App('abandoned', { broker: 'memory:abandoned' })
  const clock = virtualClock()
  using _world = app.override({ clock, isSimulated: true })
  const seen: number[] = []
  const agent = app.agent('picky', { value: count, concurrency: 4 }, async function* (stream) {
    for await (const n of stream) {
      seen.push(n)
      if (n === 2) throw new RangeError('two')
      if (n > 0) await never.opened
      yield n
    }
  })
  const never = gate()
  const running = await app.start()
  for await (const answer of agent.map([0, 1])) {
    expect(answer).toBe(0)
    break
  }
  expect(clock.activity().asking).toBe(0)
  await expect(agent.join([1, 2, 3])).rejects.toMatchObject({ index: 1 })
  expect(clock.activity().asking).toBe(0)
  never.open()
  await running.stop()
  await app[Symbol.asyncDispose]()
})

test('what the input throws is thrown', async () => {
  const { app, agent } = squaring('throwing-input')
  await using _worker = await testWorker(app)
  const input = function* (): Generator<number> {
    yield 1
    throw new TypeError('out of numbers')
  }
  await expect(agent.join(input())).rejects.toThrow('out of numbers')
  await expect(all(agent.map(input()))).rejects.toBeInstanceOf(TypeError)
  await expect(agent.join(7 as never)).rejects.toBeInstanceOf(TypeError)
})

test('the time-out counts for each item from its own sending', async () => {
  const app = new App('time-outs')
  const agent = app.agent('sometimes', { value: count }, async function* (stream) {
    for await (const n of stream) if (n !== 3) yield n
  })
  await using worker = await testWorker(app)
  const nobody = app.remote<typeof agent>('nobody-reads-this')
  const second = gate()
  const given: number[] = []
  const input = async function* (to: number[]): AsyncGenerator<number> {
    to.push(1)
    yield 1
    await second.opened
    to.push(2)
    yield 2
  }
  // The first item is answered; the second one is sent a minute later, and has its ten seconds from then.
  const answers = agent.join(input(given), { timeout: '10s' })
  await until(() => given.length === 1)
  await worker.advance('1m')
  second.open()
  expect(await answers).toEqual([1, 2])

  const times: unknown[] = []
  const asked = nobody.join([1, 2], { timeout: '10s' }).catch((error: unknown) => times.push(error))
  await worker.advance('11s')
  await asked
  expect(times[0]).toBeInstanceOf(AskTimeoutError)
  expect(times[0]).toMatchObject({ agent: 'nobody-reads-this', index: 0 })
  expect((times[0] as Error).message).toContain('within 10s')
})

test('two calls side by side get each their own answers', async () => {
  const { app, agent } = squaring('side-by-side')
  await using _worker = await testWorker(app, { workers: 2 })
  const numbers = (from: number): number[] => Array.from({ length: 300 }, (_, n) => from + n)
  const calls = await Promise.all([agent.join(numbers(100)), agent.join(numbers(1000)), all(agent.map(numbers(5000)))])
  expect(calls[0]).toEqual(numbers(100).map(n => n * n))
  expect(calls[1]).toEqual(numbers(1000).map(n => n * n))
  expect(sorted(calls[2])).toEqual(numbers(5000).map(n => n * n))
})

test('a bad time-out is refused at the call', () => {
  const { agent } = squaring('bad-time-out')
  for (const call of [() => agent.ask(1, { timeout: 'soon' as never }), () => agent.map([1], { timeout: -1 })]) {
    expect(call).toThrow(expect.objectContaining({ code: 'FAUST_OPTION', option: 'timeout' }))
  }
})

async function all<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const taken: Value[] = []
  for await (const value of values) taken.push(value)
  return taken
}

async function* slowly<Value>(values: Iterable<Value>): AsyncGenerator<Value> {
  for (const value of values) {
    await turns(1)
    yield value
  }
}
