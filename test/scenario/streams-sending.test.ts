import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed, stored } from '../fixtures/broker-view.js'
import { turns } from '../fixtures/pacing.js'

const count = z.number()

/** An app whose commits go by the number of settled events, and two topics of one partition. */
function inAndOut(id: string) {
  const app = new App(id, { partitions: 1, commitEvery: 1 })
  return { app, input: app.topic('input', { value: count }), output: app.topic('output', { value: unchecked<unknown>() }) }
}

test('what an agent sends without awaiting it is stored before its event is committed', async () => {
  const { app, input, output } = inAndOut('unawaited')
  app.agent('sending', { topic: input }, async stream => {
    for await (const n of stream) for (let copy = 0; copy < 100; copy++) output.send([n, copy])
  })
  await using worker = await testWorker(app)
  await worker.send(input, 1)
  await turns(30)
  expect(await committed(app, 'input')).toEqual({ 0: 1 })
  expect((await stored(app, 'output')).length).toBe(100)
})

test('a failure that an agent awaits is its own: its policy applies and the worker goes on', async () => {
  const { app, input, output } = inAndOut('awaited')
  const seen: unknown[] = []
  app.agent('sending', { topic: input }, async stream => {
    for await (const n of stream) {
      if (n === 1) await output.send(1n)
      if (n === 2) await output.send(n, { partition: 7 }).catch((error: unknown) => seen.push((error as Error).message))
      if (n === 3) await output.send('x'.repeat(2_000_000)).then(undefined, (error: Error) => seen.push(error.name))
      seen.push(n)
    }
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3, 4]) await worker.send(input, n)
  expect(seen).toEqual([
    'Cannot send to partition 7 of "output": it has 1. Name one from 0 to 0, or none.',
    2,
    'EncodeError',
    3,
    4,
  ])
  await turns(30)
  expect(await committed(app, 'input')).toEqual({ 0: 4 })
})

test('what can never be sent and nobody awaits stops the worker, with its event uncommitted', async () => {
  const hopeless: [unknown, { partition?: number }, RegExp][] = [
    [1n, {}, /Cannot write the value as JSON/],
    ['x'.repeat(2_000_000), {}, /message of 2000002 bytes/],
    [1, { partition: 7 }, /partition 7 of "output"/],
    [1, { partition: -1 }, /partition -1 of "output"/],
  ]
  for (const [value, options, message] of hopeless) {
    const { app, input, output } = inAndOut('hopeless')
    const seen: number[] = []
    app.agent('sending', { topic: input }, async stream => {
      for await (const n of stream) {
        seen.push(n)
        if (n === 2) output.send(value, options)
      }
    })
    const worker = await testWorker(app)
    await worker.send(input, 1)
    await turns(30)
    await expect(worker.send(input, 2)).rejects.toThrow(message)
    await turns(100)
    expect(seen).toEqual([1, 2])
    expect(await committed(app, 'input')).toEqual({ 0: 1 })
    await worker[Symbol.asyncDispose]()
  }
})

test('an output that cannot be stored stops the commit, and its events are read again', async () => {
  const { app, input, output } = inAndOut('lost')
  const seen: number[] = []
  app.agent('sending', { topic: input }, async stream => {
    for await (const n of stream) {
      seen.push(n)
      output.send(n)
    }
  })
  await using worker = await testWorker(app)
  await worker.send(input, 1)
  await turns(30)
  const before = await committed(app, 'input')
  const { admin, close } = await connected(app)
  input.send(2)
  await admin.deleteTopics(['output'])
  await turns(100)
  expect([before, seen.slice(0, 3)]).toEqual([{ 0: 1 }, [1, 2, 2]])
  await turns(100)
  expect(await committed(app, 'input')).toEqual({ 0: 2 })
  expect((await stored(app, 'output')).map(({ value }) => value)).toContain('2')
  await close()
})

async function connected(app: App) {
  const connection = await app.connect()
  return { admin: connection.admin, close: () => connection.close() }
}
