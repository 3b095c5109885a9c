import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { Deferred } from '../../src/lib/deferred.js'
import { Cluster } from './cluster.js'

// A queue holds 4,096 events or 1 MiB of one partition; the batch that fills it may overshoot.
const mostEvents = 2 * 4096
const mebibyte = 1 << 20

test('a partition whose agent is stuck is not read on, however much there is', async () => {
  const scene = new Scene('stuck')
  await using cluster = scene.cluster
  await cluster.until(scene.fill(50_000))
  await cluster.start()
  await cluster.pass(2000)
  const read = cluster.broker.delivered.get('numbers[0]') ?? 0
  expect(read).toBeGreaterThanOrEqual(4096)
  expect(read).toBeLessThanOrEqual(mostEvents)
  await cluster.pass(60_000)
  expect(cluster.broker.delivered.get('numbers[0]')).toBe(read)
  scene.letGo()
  await cluster.untilTrue(() => scene.done === 50_000)
  await cluster.pass(2000)
  expect(cluster.broker.committed.get('numbers[0]')).toBe(50_000)
})

test('nor are large messages: bytes count too', async () => {
  const scene = new Scene('large')
  await using cluster = scene.cluster
  await cluster.until(scene.fill(400, 'x'.repeat(50_000)))
  await cluster.start()
  await cluster.pass(2000)
  const bytes = (cluster.broker.delivered.get('numbers[0]') ?? 0) * 50_000
  expect(bytes).toBeGreaterThan(mebibyte / 2)
  expect(bytes).toBeLessThan(3 * mebibyte)
  scene.letGo()
  await cluster.untilTrue(() => scene.done === 400)
})

test('a worker with a full queue and an agent that is stuck for long keeps its partitions: heartbeats wait for neither', async () => {
  const scene = new Scene('beating')
  await using cluster = scene.cluster
  await cluster.until(scene.fill(20_000))
  await cluster.start()
  await cluster.pass(60_000)
  expect(cluster.lines).toEqual([])
  scene.letGo()
  await cluster.untilTrue(() => scene.done === 20_000)
  await cluster.pass(2000)
  expect(cluster.broker.committed.get('numbers[0]')).toBe(20_000)
})

test('an event that takes for ever holds back the commit and nothing else', async () => {
  const scene = new Scene('hole', { concurrency: 2 })
  await using cluster = scene.cluster
  await cluster.until(scene.fill(30_000))
  await cluster.start()
  await cluster.untilTrue(() => scene.done === 29_999)
  await cluster.pass(5000)
  expect(cluster.broker.committed.get('numbers[0]')).toBe(0)
  scene.letGo()
  await cluster.pass(5000)
  expect(cluster.broker.committed.get('numbers[0]')).toBe(30_000)
})

/** One partition, and an agent that is stuck on its first event until it is let go. */
class Scene {
  readonly cluster: Cluster
  done = 0
  readonly #gate = new Deferred<void>()
  readonly #numbers

  constructor(name: string, { concurrency = 1 }: { concurrency?: number } = {}) {
    const app = new App(name, { sessionTimeout: '3s', commitInterval: '500ms' })
    this.#numbers = app.topic('numbers', { value: unchecked<string | number>(), partitions: 1 })
    let isFirst = true
    app.agent('stuck', { topic: this.#numbers, concurrency }, async stream => {
      for await (const _ of stream) {
        const mayPass = isFirst ? this.#gate.promise : null
        isFirst = false
        if (mayPass !== null) await mayPass
        this.done++
      }
    })
    this.cluster = new Cluster(app)
  }

  async fill(count: number, value: string | number = 1): Promise<void> {
    let last: PromiseLike<unknown> = Promise.resolve()
    for (let n = 0; n < count; n++) {
      last = this.#numbers.send(value)
      if (n % 1000 === 0) await last
    }
    await last
  }

  letGo(): void {
    this.#gate.resolve()
  }
}
