import { expect, test } from 'vitest'
import { App, type Event } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed } from '../fixtures/broker-view.js'
import { gate, turns } from '../fixtures/pacing.js'

const count = z.number()

/** An app with a topic of one partition. */
function numbersOf(id: string) {
  const app = new App(id, { partitions: 1 })
  return { app, numbers: app.topic('numbers', { value: count }) }
}

test('an event is committed when the agent has asked for the next one, not while it works on it', async () => {
  const { app, numbers } = numbersOf('working')
  const done = gate()
  app.agent('slow', { topic: numbers }, async stream => {
    for await (const n of stream) if (n === 2) await done.opened
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 1)
  numbers.send(2)
  await turns(10)
  const passed = worker.advance('5s')
  await turns(20)
  done.open()
  await passed
  expect(await committed(app, 'numbers')).toEqual({ 0: 2 })
})

test('while it works on one, nothing from that event on is committed, whatever settles behind it', async () => {
  const app = new App('held', { partitions: 1, commitEvery: 1 })
  const numbers = app.topic('numbers', { value: count })
  const seen: number[] = []
  const done = gate()
  app.agent('slow', { topic: numbers, concurrency: 2 }, async stream => {
    for await (const n of stream) {
      if (n === 1) await done.opened
      seen.push(n)
    }
  })
  await using worker = await testWorker(app)
  await worker.send(numbers, 0)
  for (const n of [1, 2, 3]) numbers.send(n)
  await turns(30)
  expect([seen, await committed(app, 'numbers')]).toEqual([[0, 2, 3], { 0: 1 }])
  done.open()
  await turns(30)
  expect(await committed(app, 'numbers')).toEqual({ 0: 4 })
})

test('break loses nothing: a second loop goes on behind the first, in the same body', async () => {
  const { app, numbers } = numbersOf('breaking')
  const seen: string[] = []
  app.agent('breaking', { topic: numbers }, async stream => {
    for await (const n of stream) {
      seen.push(`first ${n}`)
      if (n === 2) break
    }
    for await (const n of stream.map(value => value * 10)) seen.push(`second ${n}`)
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3, 4]) await worker.send(numbers, n)
  expect(seen).toEqual(['first 1', 'first 2', 'second 30', 'second 40'])
  await worker.advance('2s')
  expect(await committed(app, 'numbers')).toEqual({ 0: 4 })
})

test('an event that a loop was left on is answered and settled behind the loop', async () => {
  const { app } = numbersOf('behind')
  const once = app.agent('once', { value: count, concurrency: 2 }, async function* (stream) {
    for (;;) {
      let last = 0
      for await (const n of stream) {
        last = n
        break
      }
      yield last + 1
    }
  })
  await using _worker = await testWorker(app)
  expect(await once.join([1, 2, 3])).toEqual([2, 3, 4])
})

test('two requests for an event in flight get two events', async () => {
  const { app, numbers } = numbersOf('ahead')
  const pairs: number[][] = []
  app.agent('pairs', { topic: numbers }, async stream => {
    const events = stream[Symbol.asyncIterator]()
    for (;;) {
      const both = await Promise.all([events.next(), events.next()])
      if (both.some(({ done }) => done)) return
      pairs.push(both.map(({ value }) => value as number))
    }
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3, 4]) await worker.send(numbers, n)
  expect(pairs).toEqual([
    [1, 2],
    [3, 4],
  ])
})

test('an agent that fails loses only the event it had in hand, however its loop was built', async () => {
  for (const how of ['loop', 'body', 'two loops'] as const) {
    const { app, numbers } = numbersOf('failing')
    const seen: number[] = []
    const fail = (n: number): void => {
      seen.push(n)
      if (n === 2) throw new RangeError('two')
    }
    app.agent('failing', { topic: numbers }, async stream => {
      if (how === 'loop') for await (const n of stream) fail(n)
      const one = async (): Promise<void> => {
        for (;;) {
          let last = -1
          for await (const n of stream) {
            last = n
            break
          }
          if (last < 0) return
          fail(last)
        }
      }
      await Promise.all(how === 'body' ? [one()] : [one(), one()])
    })
    await using worker = await testWorker(app)
    for (const n of [1, 2, 3, 4, 5]) await worker.send(numbers, n)
    expect(seen).toEqual([1, 2, 3, 4, 5])
    await worker.advance('2s')
    expect(await committed(app, 'numbers')).toEqual({ 0: 5 })
  }
})

test('after noack nothing is committed until it is settled, in whatever order', async () => {
  const { app, numbers } = numbersOf('by-hand')
  const events: Event<number>[] = []
  app.agent('by-hand', { topic: numbers }, async stream => {
    for await (const event of stream
      .filter(n => n > 0)
      .noack()
      .events())
      events.push(event)
  })
  await using worker = await testWorker(app)
  for (const n of [1, 0, 2, 3, 4]) await worker.send(numbers, n)
  const offset = async (): Promise<number | undefined> => {
    await worker.advance('2s')
    return (await committed(app, 'numbers'))[0]
  }
  expect(await offset()).toBe(0)
  events[1]?.settle()
  events[3]?.settle()
  expect(await offset()).toBe(0)
  events[0]?.settle()
  expect(await offset()).toBe(3)
  events[2]?.settle()
  events[2]?.settle()
  expect(await offset()).toBe(5)
})

test('after noack neither break nor the end of the function settles', async () => {
  const { app, numbers } = numbersOf('left-by-hand')
  const seen: number[] = []
  app.agent('leaving', { topic: numbers }, async stream => {
    for await (const n of stream.noack()) {
      seen.push(n)
      break
    }
    for await (const n of stream) {
      seen.push(n)
      if (n === 2) return
    }
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2]) await worker.send(numbers, n)
  await worker.advance('2s')
  expect(seen).toEqual([1, 2])
  expect(await committed(app, 'numbers')).toEqual({ 0: 0 })
})

test('a request on a stream that settles by hand is answered, or told at once that it is not', async () => {
  const { app } = numbersOf('asked-by-hand')
  const agent = app.agent('by-hand', { value: count }, async function* (stream) {
    for await (const event of stream.noack().events()) {
      if (event.value > 0) yield event.value * 2
      event.settle()
    }
  })
  await using _worker = await testWorker(app)
  expect(await agent.ask(2)).toBe(4)
  const refused = agent.ask(-1)
  await Promise.all([expect(refused).rejects.toMatchObject({ code: 'FAUST_NO_REPLY' }), agent.ask(1)])
})

test('of several agents on one topic the slowest decides what is committed', async () => {
  const { app, numbers } = numbersOf('several')
  const events: Event<number>[] = []
  const seen: number[] = []
  app.agent('fast', { topic: numbers }, async stream => {
    for await (const n of stream) seen.push(n)
  })
  app.agent('slow', { topic: numbers }, async stream => {
    for await (const event of stream.noack().events()) events.push(event)
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(numbers, n)
  await worker.advance('2s')
  expect([seen, events.map(({ value }) => value)]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ])
  expect(await committed(app, 'numbers')).toEqual({ 0: 0 })
  events[0]?.settle()
  await worker.advance('2s')
  expect(await committed(app, 'numbers')).toEqual({ 0: 1 })
})
