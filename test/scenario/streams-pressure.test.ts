import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { testWorker, virtualClock } from 'faust-ts/testing'
import { z } from 'zod'
import { gate, turns, until } from '../fixtures/pacing.js'
import { watchedBroker } from '../fixtures/watched-broker.js'

const count = z.number()

test('a slow agent is not given more than its queue takes, and all the same everything in the end', async () => {
  const broker = watchedBroker()
  const app = new App('slow', { partitions: 1 })
  using _world = app.override({ broker: broker.transport, clock: virtualClock() })
  const numbers = app.topic('numbers', { value: count })
  const go = gate()
  let seen = 0
  app.agent('slow', { topic: numbers }, async stream => {
    for await (const _ of stream) {
      await go.opened
      seen++
    }
  })
  await using _running = await app.start()
  await Promise.all(Array.from({ length: 20_000 }, (_, n) => numbers.send(n)))
  await turns(200)
  const waiting = broker.delivered.get('numbers') ?? 0
  expect(waiting).toBeGreaterThanOrEqual(4096)
  expect(waiting).toBeLessThan(4096 + 1024)
  go.open()
  await until(() => seen === 20_000, 'all events')
})

test('a slow stream holds up its topic, not another one', async () => {
  const app = new App('beside', { partitions: 1 })
  const [slow, fast] = [app.topic('slow', { value: count }), app.topic('fast', { value: count })]
  const go = gate()
  let seen = 0
  app.agent('slow', { topic: slow }, async stream => {
    for await (const _ of stream) await go.opened
  })
  app.agent('fast', { topic: fast }, async stream => {
    for await (const _ of stream) seen++
  })
  await using _worker = await testWorker(app)
  for (let n = 0; n < 10_000; n++) {
    slow.send(n)
    fast.send(n)
  }
  await until(() => seen === 10_000, 'the fast topic')
  go.open()
})

test('an agent that awaits none of its sends is held while the producer is full', async () => {
  const broker = watchedBroker({ topic: 'output', ms: 1000 })
  const clock = virtualClock()
  const app = new App('flooding', { partitions: 1 })
  using _world = app.override({ broker: broker.transport, clock })
  const numbers = app.topic('numbers', { value: count })
  const output = app.topic('output', { value: unchecked<string>() })
  const text = 'x'.repeat(500_000)
  let seen = 0
  app.agent('flooding', { topic: numbers }, async stream => {
    for await (const _ of stream) {
      seen++
      for (let copy = 0; copy < 2; copy++) output.send(text)
    }
  })
  await using running = await app.start()
  for (let n = 0; n < 40; n++) numbers.send(n)
  await turns(100)
  const full = 16 * 1024 * 1024
  expect(broker.unacknowledged.now).toBeGreaterThanOrEqual(full)
  expect(broker.unacknowledged.most).toBeLessThan(full + 2 * text.length)
  expect(seen).toBe(Math.ceil(full / (2 * text.length)))
  await clock.advance('1m')
  expect([seen, broker.unacknowledged.now]).toEqual([40, 0])
  expect(broker.unacknowledged.most).toBeLessThan(full + 2 * text.length)
  await running.stop()
})

test('thousands of queued events give way to the event loop after 2,048 of them', async () => {
  const app = new App('yielding')
  const numbers = app.topic('numbers', { value: count })
  const total = 12_000
  const go = gate()
  let seen = 0
  for (const name of ['loop', 'batch', 'filter'] as const) {
    app.agent(name, { topic: numbers }, async stream => {
      await go.opened
      const counted = stream.tap(() => seen++)
      if (name === 'loop') for await (const _ of counted) void _
      if (name === 'batch') for await (const _ of counted.batch(10_000, { within: '1s' })) void _
      if (name === 'filter') for await (const _ of counted.filter(() => false)) void _
    })
  }
  await using _worker = await testWorker(app)
  await Promise.all(Array.from({ length: total }, (_, n) => numbers.send(n)))
  await turns(20)
  const clock = virtualClock()
  const perTurn: number[] = []
  let before = 0
  const look = (): void => {
    perTurn.push(seen - before)
    before = seen
    if (seen < 3 * total) clock.turn(look)
  }
  clock.turn(look)
  go.open()
  await until(() => seen === 3 * total, 'all events')
  expect(Math.max(...perTurn)).toBe(2048)
})
