import { expect, test } from 'vitest'
import { App, SendError, unchecked } from 'faust-ts'
import { sleep } from '../../src/lib/clock.js'
import { Cluster } from './cluster.js'
import { eventAtHand } from './witness.js'

test('an output that nobody awaited and that was lost: its source is read again, in a new epoch, and nothing is committed before', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  scene.lossesLeft = 1
  for (let n = 0; n < 5; n++) void scene.source.send(n)
  await cluster.pass(900)
  expect(scene.seen).toEqual([0, 1, 2, 3, 4].map(n => `${n} in epoch 1`))
  expect(cluster.broker.committed.get('source[0]')).toBeUndefined()
  await cluster.pass(3000)
  expect(scene.seen.slice(5)).toEqual([0, 1, 2, 3, 4].map(n => `${n} in epoch 2`))
  expect(scene.arrived).toEqual([1, 2, 3, 4, 0, 1, 2, 3, 4])
  expect(cluster.broker.committed.get('source[0]')).toBe(5)
  expect(cluster.lines).toEqual([expect.stringContaining('error Messages that nobody awaited were not delivered')])
})

test('also when its event is still in hand at the next commit', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  void scene.source.send(6)
  await cluster.pass(2000)
  scene.lossesLeft = 1
  scene.restMs = 2500
  void scene.source.send(7)
  await cluster.pass(10_000)
  expect(scene.arrived).toEqual([6, 7])
  expect(scene.seen).toEqual(['6 in epoch 1', '7 in epoch 1', '7 in epoch 2'])
  expect(cluster.broker.committed.get('source[0]')).toBe(2)
})

test('also when another partition’s commit comes first: a revoke commits nothing past it', async () => {
  const scene = new Scene({ partitions: 2 })
  await using cluster = scene.cluster
  await cluster.start()
  await cluster.pass(500)
  scene.lossesLeft = 1
  for (const partition of [0, 1]) void scene.source.send(partition, { partition })
  await cluster.pass(100)
  // It takes a partition over, with a last commit of its own.
  await cluster.start()
  await cluster.pass(3000)
  expect(new Set(scene.arrived)).toEqual(new Set([0, 1]))
})

test('three times in a row stop the worker with SendError, and nothing of it was committed', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  const { running } = await cluster.start()
  scene.lossesLeft = Infinity
  void scene.source.send(7)
  const failure = await cluster.until(running.stopped.then(() => null).catch((error: unknown) => error))
  expect(failure).toBeInstanceOf(SendError)
  expect(failure).toMatchObject({ topic: 'results', message: expect.stringContaining('could not be delivered 3 times in a row') })
  expect(scene.seen).toEqual(['7 in epoch 1', '7 in epoch 2', '7 in epoch 3'])
  expect(cluster.broker.committed.get('source[0]') ?? 0).toBe(0)
  scene.lossesLeft = 0
  await cluster.start()
  await cluster.pass(3000)
  expect(scene.arrived).toEqual([7])
})

test('a message that can never be sent stops the worker at once, its event uncommitted', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  const { running } = await cluster.start()
  scene.target = 99
  void scene.source.send(7)
  const failure = await cluster.until(running.stopped.then(() => null).catch((error: unknown) => error))
  expect(failure).toMatchObject({
    code: 'FAUST_SEND',
    message: expect.stringContaining('Cannot send to partition 99 of "results"'),
  })
  expect(cluster.broker.committed.get('source[0]') ?? 0).toBe(0)
})

test('what the agent awaits is the agent’s: its error policy decides, and the worker goes on', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  scene.lossesLeft = 1
  scene.isAwaiting = true
  for (const n of [1, 2]) void scene.source.send(n)
  await cluster.pass(3000)
  expect(scene.arrived).toEqual([2])
  expect(cluster.lines).toEqual([expect.stringContaining('error Agent "passing" failed: The disk of the broker is full')])
  expect(cluster.broker.committed.get('source[0]')).toBe(2)
})

/** One agent that sends what it reads on to a topic that loses some. */
class Scene {
  readonly cluster: Cluster
  readonly source
  readonly seen: string[] = []
  lossesLeft = 0
  restMs = 0
  isAwaiting = false
  target: number | undefined = undefined

  constructor({ partitions = 1 }: { partitions?: number } = {}) {
    const app = new App('lost', { commitInterval: '1s' })
    this.source = app.topic('source', { value: unchecked<number>(), partitions })
    const results = app.topic('results', { value: unchecked<number>(), partitions: 1 })
    app.agent('passing', { topic: this.source }, async stream => {
      for await (const n of stream) {
        this.seen.push(`${n} in epoch ${eventAtHand().tenure.epoch}`)
        const sent = results.send(n, { partition: this.target })
        if (this.isAwaiting) await sent
        await sleep(this.cluster.clock, this.restMs, { kind: 'work' })
      }
    })
    this.cluster = new Cluster(app)
    this.cluster.broker.loses = (_clientId, { topic }) => topic === 'results' && this.lossesLeft-- > 0
  }

  get arrived(): number[] {
    return this.cluster.broker.stored('results').flatMap(messages => messages.map(({ value }) => Number(value)))
  }
}
