import { setTimeout as sleep } from 'node:timers/promises'
import { App, unchecked, type Running } from 'faust-ts'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { silentLogger } from '../../src/lib/log.js'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import type { Connection } from '../../src/transport/transport.js'
import { startCluster } from './cluster.js'
import { eventually } from './steering.js'

/** Two workers of one app, what they have seen by partition, and somebody who sends. */
class Stage {
  readonly seen = new Map<number, number[]>()
  readonly #topic: string
  readonly #broker: string

  constructor(topic: string, bootstrap: string) {
    this.#topic = topic
    this.#broker = `kafka://${bootstrap}`
  }

  get group(): string {
    return `${this.#topic}-app`
  }

  async admin(): Promise<Connection['admin']> {
    const connection = await this.#client().connect()
    onTestFinished(() => connection.close())
    return connection.admin
  }

  async workers(count: number): Promise<readonly Running[]> {
    const running = await Promise.all(Array.from({ length: count }, () => this.#worker()))
    for (const one of running) onTestFinished(() => one.stop())
    return running
  }

  /** A client of its own each time: it knows the topic as it is now. */
  async send(partitions: number, first: number, count: number): Promise<void> {
    await using client = this.#client()
    const topic = client.topic(this.#topic, { value: unchecked<number>() })
    for (let n = first; n < first + count; n++)
      await Promise.all(Array.from({ length: partitions }, (_, partition) => topic.send(n, { partition })))
  }

  async hasSeen(partitions: number, last: number): Promise<void> {
    await eventually(`${last} in each of ${partitions} partitions`, () =>
      Promise.resolve(Array.from({ length: partitions }, (_, at) => this.seen.get(at)?.at(-1)).every(n => n === last)),
    )
  }

  #client(): App {
    return new App(`${this.#topic}-client`, { broker: this.#broker, logger: silentLogger })
  }

  #worker(): Promise<Running> {
    const app = new App(this.group, { broker: this.#broker, logger: silentLogger, sessionTimeout: '3s' })
    const topic = app.topic(this.#topic, { value: unchecked<number>(), partitions: 2 })
    app.agent('watching', { topic }, async stream => {
      for await (const { value, partition } of stream.events()) {
        this.seen.set(partition, [...(this.seen.get(partition) ?? []), value])
      }
    })
    return app.start()
  }
}

test('partitions are added while workers run: they are read from their beginning, and the others go on', async () => {
  const stage = new Stage('growing', inject('kafka'))
  const admin = await stage.admin()
  await stage.workers(2)
  await stage.send(2, 0, 20)
  await stage.hasSeen(2, 19)
  await admin.addPartitions('growing', 5)
  await stage.send(5, 20, 20)
  await stage.hasSeen(5, 39)
  expect(stage.seen.get(0)).toEqual(range(0, 40))
  expect(stage.seen.get(4)).toEqual(range(20, 40))
})

describe('a broker that stands still', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.close())

  async function expectAllSeen(stage: Stage, count: number): Promise<void> {
    await stage.hasSeen(2, count - 1)
    for (const partition of [0, 1]) expect([...new Set(stage.seen.get(partition))]).toEqual(range(0, count))
    const admin = await stage.admin()
    // Members of their group again, or still.
    await eventually('commits of everything', async () => {
      const offsets = await admin.groupOffsets(stage.group)
      return offsets.length === 2 && offsets.every(({ offset }) => offset === count)
    })
  }

  test('for longer than the session: workers go on when it does, nothing is lost', async () => {
    const stage = new Stage('standing-still', cluster.bootstrap())
    await stage.workers(2)
    await stage.send(2, 0, 20)
    await stage.hasSeen(2, 19)
    cluster.freeze(1)
    const sent = stage.send(2, 20, 20)
    await sleep(4500)
    cluster.thaw(1)
    await sent
    await expectAllSeen(stage, 40)
  })

  test('most of the time, again and again: everything arrives in order all the same', async () => {
    const stage = new Stage('hardly-moving', cluster.bootstrap())
    await stage.workers(2)
    await stage.send(2, 0, 20)
    let isOver = false
    const sent = stage.send(2, 20, 100).finally(() => (isOver = true))
    for (let slice = 0; slice < 6 || !isOver; slice++) {
      cluster.freeze(1)
      await sleep(600)
      cluster.thaw(1)
      await sleep(100)
    }
    await sent
    await expectAllSeen(stage, 120)
  })
})

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index)
}
