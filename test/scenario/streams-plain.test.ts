import { expect, test } from 'vitest'
import { App, type Stream } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { committed } from '../fixtures/broker-view.js'
import { turns } from '../fixtures/pacing.js'

const count = z.number()

/** An app with a topic and a side topic, of one partition each. */
function twoTopics(id: string) {
  const app = new App(id, { partitions: 1 })
  return { app, main: app.topic('main', { value: count }), side: app.topic('side', { value: count }) }
}

async function take<Value>(stream: AsyncIterable<Value>, number: number): Promise<Value[]> {
  const taken: Value[] = []
  for await (const value of stream) if (taken.push(value) === number) break
  return taken
}

test('a stream in a task behaves as in an agent, and is committed', async () => {
  const { app, main } = twoTopics('in-a-task')
  const seen: number[] = []
  app.task('reading', {}, async () => {
    for await (const n of main.stream().filter(value => value > 0)) seen.push(n)
  })
  await using worker = await testWorker(app)
  for (const n of [1, -1, 2]) await worker.send(main, n)
  expect(seen).toEqual([1, 2])
  await worker.advance('2s')
  expect(await committed(app, 'main')).toEqual({ 0: 3 })
})

test('a task whose stream fails stops the worker, with the event uncommitted', async () => {
  const { app, main } = twoTopics('failing-task')
  app.task('reading', {}, async () => {
    for await (const n of main.stream()) if (n === 2) throw new RangeError('two')
  })
  await using worker = await testWorker(app)
  await worker.send(main, 1)
  await expect(worker.send(main, 2)).rejects.toThrow('two')
  await turns(50)
  expect((await committed(app, 'main'))[0] ?? 0).toBeLessThanOrEqual(1)
})

test('an agent may read another topic beside its own, and goes on with both after it has failed', async () => {
  const { app, main, side } = twoTopics('beside')
  const seen: string[] = []
  app.agent('two', { topic: main }, async stream => {
    const reading = async (name: string, source: Stream<number>): Promise<void> => {
      for await (const n of source) {
        if (n === 13) throw new RangeError('unlucky')
        seen.push(`${name} ${n}`)
      }
    }
    await Promise.all([reading('main', stream), reading('side', side.stream())])
  })
  await using worker = await testWorker(app)
  for (const n of [1, 13, 2]) {
    await worker.send(side, n)
    await worker.send(main, n)
  }
  expect(seen.toSorted()).toEqual(['main 1', 'main 2', 'side 1', 'side 2'])
  await worker.advance('2s')
  expect([await committed(app, 'main'), await committed(app, 'side')]).toEqual([{ 0: 3 }, { 0: 3 }])
})

test('a loop of a body that has failed does not go on beside the one that takes over', async () => {
  const { app, main, side } = twoTopics('zombie')
  const seen: string[] = []
  let runs = 0
  app.agent('two', { topic: main }, async stream => {
    const run = ++runs
    const beside = async (): Promise<void> => {
      for await (const n of side.stream()) seen.push(`run ${run} side ${n}`)
    }
    await Promise.all([beside(), fail(stream)])
  })
  async function fail(stream: Stream<number>): Promise<void> {
    for await (const n of stream) throw new RangeError(`no ${n}`)
  }
  await using worker = await testWorker(app)
  await worker.send(side, 1)
  await worker.send(main, 1)
  for (const n of [2, 3, 4]) await worker.send(side, n)
  expect(seen).toEqual(['run 1 side 1', 'run 2 side 2', 'run 2 side 3', 'run 2 side 4'])
})

test('actors of one agent share what they open beside', async () => {
  const { app, main, side } = twoTopics('sharing')
  const seen: number[] = []
  app.agent('sharing', { topic: main, concurrency: 3 }, async () => {
    for await (const n of side.stream()) seen.push(n)
  })
  await using worker = await testWorker(app)
  for (let n = 0; n < 9; n++) await worker.send(side, n)
  expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('a plain program reads and settles alike, once the app runs', async () => {
  const { app, main } = twoTopics('plain')
  await using worker = await testWorker(app)
  const stream = main.stream()
  const first = take(stream, 2)
  for (const n of [1, 2, 3]) await worker.send(main, n)
  expect(await first).toEqual([1, 2])
  expect(await take(stream, 1)).toEqual([3])
  await worker.advance('2s')
  expect(await committed(app, 'main')).toEqual({ 0: 2 })
})

test('before the app runs, and after it has stopped, reading throws NotStartedError', async () => {
  const { app, main, side } = twoTopics('too-early')
  const local = app.channel('local', { value: count })
  const stream = main.stream().map(n => n + 1)
  const notStarted = { code: 'FAUST_NOT_STARTED' }
  await expect(take(stream, 1)).rejects.toMatchObject(notStarted)
  await expect(take(local.stream(), 1)).rejects.toMatchObject(notStarted)
  expect(() => stream.signal).toThrow(expect.objectContaining(notStarted))
  expect(() => stream.through(side)).toThrow(expect.objectContaining(notStarted))
  for (const run of [1, 2]) {
    await using worker = await testWorker(app)
    const reading = take(stream, 1)
    await worker.send(main, run)
    expect(await reading).toEqual([run + 1])
  }
  await expect(take(stream, 1)).rejects.toMatchObject(notStarted)
  expect(stream.signal.aborted).toBe(true)
})

test('a plain program may go through a topic', async () => {
  const { app, main, side } = twoTopics('plain-hop')
  await using worker = await testWorker(app)
  const reading = take(
    main
      .stream()
      .map(n => n * 10)
      .through(side),
    2,
  )
  for (const n of [1, 2]) await worker.send(main, n)
  expect(await reading).toEqual([10, 20])
  await worker.advance('2s')
  expect(await committed(app, 'main')).toEqual({ 0: 2 })
})

test('the signal of a stream fires when its worker stops, that of a failed body when it has failed', async () => {
  const { app, main, side } = twoTopics('signals')
  const signals: AbortSignal[] = []
  app.agent('signalling', { topic: main }, async stream => {
    signals.push(stream.signal)
    for await (const n of stream) if (n === 13) throw new RangeError('unlucky')
  })
  {
    await using worker = await testWorker(app)
    const plain = side.stream()
    signals.push(plain.signal)
    await worker.send(main, 1)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
    await worker.send(main, 13)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false])
  }
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true])
})

test('a stream that appears while the app runs gets what is not committed yet', async () => {
  const { app, main, side } = twoTopics('appearing')
  app.agent('main', { topic: main }, async stream => {
    for await (const _ of stream) void _
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2]) await worker.send(side, n)
  const reading = take(side.stream(), 3)
  await worker.send(side, 3)
  expect(await reading).toEqual([1, 2, 3])
})
