import { expect, test } from 'vitest'
import { App, type Agent } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { turns, until } from '../fixtures/pacing.js'

const count = z.number()

test('every one of many asks is answered while workers come and go', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const app = new App('coming-and-going', { partitions: 6 })
    let handled = 0
    const agent = app.agent('slow', { value: count, concurrency: 2 }, async function* (stream) {
      for await (const n of stream) {
        handled++
        await turns(n % 3)
        yield n * 2
      }
    })
    await using worker = await testWorker(app, { workers: 2, seed })
    const numbers = Array.from({ length: 600 }, (_, n) => n)
    const answers = agent.join(numbers)
    answers.catch(() => undefined)
    await until(() => handled > 50)
    const third = await app.start()
    await until(() => handled > 200)
    const fourth = await app.start()
    await third.stop()
    await until(() => handled > 400)
    await fourth.stop()
    await worker.advance(0)
    expect(await answers).toEqual(numbers.map(n => n * 2))
  }
})

test('a chain of asks goes on while workers come and go', async () => {
  const app = new App('moving-chain', { partitions: 4 })
  const adding = app.agent('adding', { value: count }, async function* (stream) {
    for await (const n of stream) yield n + 1
  })
  const twice = app.agent('twice', { value: count, concurrency: 3 }, async function* (stream) {
    for await (const n of stream) yield (await adding.ask(n)) * 2
  })
  await using worker = await testWorker(app, { workers: 2 })
  const answers = twice.join(Array.from({ length: 100 }, (_, n) => n))
  answers.catch(() => undefined)
  await turns(5)
  const third = await app.start()
  await turns(5)
  await third.stop()
  await worker.advance('1m')
  expect(await answers).toEqual(Array.from({ length: 100 }, (_, n) => (n + 1) * 2))
})

test('an agent may ask before it reads its first event', async () => {
  const app = new App('ask-first')
  const settings: Agent<string, number> = app.agent('settings', { value: z.string() }, async function* (stream) {
    for await (const name of stream) yield name.length
  })
  const agent = app.agent('configured', { value: count }, async function* (stream) {
    const factor = await settings.ask('three')
    for await (const n of stream) yield n * factor
  })
  await using _worker = await testWorker(app)
  expect(await agent.ask(4)).toBe(20)
})

test('an operator may ask', async () => {
  const app = new App('asking-operator')
  const adding = app.agent('adding', { value: count }, async function* (stream) {
    for await (const n of stream) yield n + 1
  })
  const agent = app.agent('mapped', { value: count }, async function* (stream) {
    for await (const n of stream.map(async each => await adding.ask(each)).filter(each => each > 0)) yield n * 10
  })
  await using worker = await testWorker(app)
  expect(await agent.ask(4)).toBe(50)
  await worker.send(agent, 5)
})

test('an operator before a hop may ask, also in vain', async () => {
  const app = new App('asking-before-a-hop')
  const halfway = app.topic('halfway', { value: count })
  const adding = app.agent('adding', { value: count }, async function* (stream) {
    for await (const n of stream) yield n + 1
  })
  const nobody = app.remote<typeof adding>('nobody-reads-this')
  const agent = app.agent('hopping', { value: count }, async function* (stream) {
    const sums = stream.map(async n => await (n < 0 ? nobody : adding).ask(n))
    for await (const n of sums.through(halfway)) yield n * 10
  })
  await using worker = await testWorker(app)
  expect(await agent.ask(4)).toBe(50)
  await worker.send(agent, -1)
  await expect(agent.ask(-1, { timeout: '1m' })).rejects.toMatchObject({ remoteName: 'AskTimeoutError' })
  expect(await agent.ask(5)).toBe(60)
})

test('an agent that asks itself with its only actor is given up, and goes on', async () => {
  const app = new App('asks-itself')
  const agent: Agent<number, number> = app.agent('narcissus', { value: count }, async function* (stream) {
    for await (const n of stream) yield n > 0 ? await agent.ask(n - 1, { timeout: '5s' }) : 0
  })
  await using _worker = await testWorker(app)
  await expect(agent.ask(1)).rejects.toMatchObject({ code: 'FAUST_REPLY', remoteName: 'AskTimeoutError' })
  expect(await agent.ask(0)).toBe(0)
})

test('a sink may ask, too', async () => {
  const app = new App('asking-sink')
  const seen: number[] = []
  const adding = app.agent('adding', { value: count }, async function* (stream) {
    for await (const n of stream) yield n + 1
  })
  const agent = app
    .agent('source', { value: count }, async function* (stream) {
      for await (const n of stream) yield n
    })
    .to(async n => {
      seen.push(await adding.ask(n))
    })
  await using worker = await testWorker(app)
  for (const n of [1, 2]) await worker.send(agent, n)
  expect(seen).toEqual([2, 3])
})
