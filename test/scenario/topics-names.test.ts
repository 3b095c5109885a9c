import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed } from '../fixtures/broker-view.js'

const count = z.number()

test('several names are read as one, and the first is written to', async () => {
  const app = new App('several', { partitions: 1 })
  const both = app.topic(['orders-eu', 'orders-us'], { value: count })
  const us = app.topic('orders-us', { value: count })
  const seen: unknown[] = []
  const agent = app.agent('reading', { topic: both }, async function* (stream) {
    for await (const { topic, value } of stream.events()) {
      seen.push([topic, value])
      yield value
    }
  })
  await using worker = await testWorker(app)
  await worker.send(both, 1)
  await worker.send(us, 2)
  expect(await agent.ask(3)).toBe(3)
  expect(seen).toEqual([
    ['orders-eu', 1],
    ['orders-us', 2],
    ['orders-eu', 3],
  ])
  await worker.advance('2s')
  expect([await committed(app, 'orders-eu'), await committed(app, 'orders-us')]).toEqual([{ 0: 2 }, { 0: 1 }])
})

test('a pattern reads what matches, and what appears later from its first message on', async () => {
  const app = new App('pattern', { partitions: 2 })
  const any = app.topic(/^orders-.*/, { value: count })
  const early = app.topic('orders-eu', { value: count })
  const other = app.topic('payments', { value: count })
  const seen: unknown[] = []
  app.agent('reading', { topic: any }, async stream => {
    for await (const { topic, value } of stream.events()) seen.push([topic, value])
  })
  await using worker = await testWorker(app)
  await worker.send(early, 1)
  await worker.send(other, 2)
  expect(seen).toEqual([['orders-eu', 1]])
  const late = app.topic('orders-us', { value: count })
  await worker.send(late, 3)
  await worker.send(early, 4)
  expect(seen.slice(1)).toEqual([
    ['orders-us', 3],
    ['orders-eu', 4],
  ])
})

test('a pattern never matches dead letters, reply topics or the broker’s own', async () => {
  const app = new App('internal', { partitions: 1 })
  const any = app.topic(/./, { value: unchecked<unknown>() })
  const graves = app.topic('orders-dead-letters', { value: count })
  const orders = app.topic('orders', { value: count })
  const hidden = app.topic('__offsets', { value: count })
  const seen: unknown[] = []
  app.agent('reading', { topic: any }, async stream => {
    for await (const { topic } of stream.events()) seen.push(topic)
  })
  const echo = app.agent('echo', { topic: orders }, async function* (stream) {
    for await (const n of stream) yield n
  })
  await using worker = await testWorker(app)
  await worker.send(graves, 1)
  await worker.send(hidden, 1)
  expect(await echo.ask(1)).toBe(1)
  await worker.advance('1s')
  expect(seen).toEqual(['orders'])
})

test('sending to a pattern is refused', async () => {
  const app = new App('nowhere')
  const any = app.topic(/^orders-/, { value: count })
  await using worker = await testWorker(app)
  await expect(worker.send(any, 1)).rejects.toMatchObject({ code: 'FAUST_OPTION' })
})

test('every agent on a topic sees everything', async () => {
  const app = new App('fan-out')
  const numbers = app.topic('numbers', { value: count })
  const seen: Record<string, number[]> = { a: [], b: [] }
  for (const name of ['a', 'b']) {
    app.agent(name, { topic: numbers }, async stream => {
      for await (const n of stream) seen[name]?.push(n)
    })
  }
  await using worker = await testWorker(app, { workers: 2 })
  for (let n = 0; n < 20; n++) await worker.send(numbers, n)
  const all = Array.from({ length: 20 }, (_, n) => n)
  for (const own of Object.values(seen)) expect(own.toSorted((a, b) => a - b)).toEqual(all)
})

test('a topic may be declared again with another schema, as long as both agree on what it is like', async () => {
  const app = new App('agreeing')
  const numbers = app.topic('shared', { value: count, partitions: 3, retention: '7d' })
  app.topic('shared', { value: z.string() })
  app.topic(['other', 'shared'], { value: unchecked(), retention: '168h', partitions: 3 })
  const connection = async () => {
    const { admin, close } = await app.connect().then(made => ({ admin: made.admin, close: () => made.close() }))
    const found = await admin.topics(['shared', 'other'])
    await close()
    return found.map(({ name, partitions, retentionMs }) => [name, partitions, retentionMs])
  }
  await using worker = await testWorker(app)
  await worker.send(numbers, 1)
  expect(await connection()).toEqual([
    ['other', 3, 604_800_000],
    ['shared', 3, 604_800_000],
  ])
})

test('what disagrees is refused at the start, all of it at once', async () => {
  const app = new App('disagreeing')
  app.topic('first', { value: count, partitions: 3, compacted: true })
  app.topic(['second', 'first'], { value: count, partitions: 4, compacted: false })
  app.topic('third', { value: count, retention: '1d' })
  app.topic('third', { value: count, retention: '2d' })
  await expect(testWorker(app)).rejects.toMatchObject({
    code: 'FAUST_DECLARATION',
    problems: [
      'topic "first" is declared with partitions 3 and 4: say it once, or the same',
      'topic "first" is declared with compacted true and false: say it once, or the same',
      'topic "third" is declared with retention 1d and 2d: say it once, or the same',
    ],
  })
})

test('a name that no broker takes is refused where it is written', () => {
  const app = new App('naming')
  for (const name of ['', '..', 'with space', 'ümlaut', 'a/b', 'x'.repeat(250)]) {
    expect(() => app.topic(name)).toThrow(expect.objectContaining({ code: 'FAUST_OPTION', option: 'name' }))
  }
  expect(() => app.topic([])).toThrow(/needs a name/)
  expect(() => app.topic('typo', { value: count, partition: 3 } as unknown as { value: typeof count })).toThrow(
    /no option "partition"/,
  )
})
