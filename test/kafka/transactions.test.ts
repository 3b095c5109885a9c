import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { FencedError } from '../../src/errors.js'
import { KafkaGroup } from '../../src/kafka/group/group.js'
import type { KafkaProducer } from '../../src/kafka/producer/producer.js'
import { seededRandom } from '../../src/lib/random.js'
import type { Group, Membership, TopicPartition } from '../../src/transport/transport.js'
import { startCluster } from './cluster.js'
import { createTopic, eventually, moveCoordinator } from './steering.js'
import { numbers, Reading, send, store, Traffic } from './traffic.js'

const bootstrap = inject('kafka')
const kept = { 'retention.ms': '-1' }
const versions = [1, 2]

/** Transactions one after the other until `stop`, some of them aborted; what was committed, by partition. */
class Transactions {
  readonly committed: string[][]
  count = 0
  readonly #done: Promise<void>
  #isStopped = false

  constructor(producer: KafkaProducer, topic: string, partitions: number) {
    this.committed = Array.from({ length: partitions }, () => [])
    this.#done = this.#run(producer, topic)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
  }

  async #run(producer: KafkaProducer, topic: string): Promise<void> {
    const random = seededRandom(5)
    for (; !this.#isStopped; this.count++) {
      await producer.begin()
      const values = this.committed.map((_, partition) =>
        random.next() < 0.3 ? [] : numbers(1 + Math.floor(random.next() * 5)).map(index => `${this.count}.${partition}.${index}`),
      )
      for (const [partition, own] of values.entries()) for (const value of own) send(producer, { topic, partition }, value)
      if (random.next() < 0.5) await producer.flush()
      if (random.next() < 0.3) await producer.abort()
      else {
        await producer.commit([], null)
        for (const [partition, own] of values.entries()) this.committed[partition]!.push(...own)
      }
    }
  }

  /** What was committed is seen once, in order, and nothing else. */
  async expectSeen(brokers: string, topic: string): Promise<void> {
    const traffic = await Traffic.open(brokers)
    const reader = traffic.reader()
    const last = await traffic.producer()
    for (const [partition, expected] of this.committed.entries()) {
      const reading = new Reading(reader, { topic, partition })
      await store(last, { topic, partition }, ['last'])
      await eventually('the last message', () => Promise.resolve(reading.values.at(-1) === 'last'))
      expect(reading.values.slice(0, -1)).toEqual(expected)
    }
    expect(traffic.errors).toEqual([])
  }
}

/** A member that is alone in its group, and one generation of its membership. */
async function join(traffic: Traffic, group: Group, topic: string): Promise<Membership> {
  const assign = (members: readonly { memberId: string }[]): Map<string, Uint8Array> =>
    new Map(members.map(({ memberId }) => [memberId, Buffer.of(1)]))
  return await group.join({ topics: [topic], metadata: Buffer.of(1), assign })
}

function groupOf(traffic: Traffic, groupId: string): KafkaGroup {
  const timeouts = { sessionTimeoutMs: 20_000, rebalanceTimeoutMs: 20_000 }
  const group = new KafkaGroup(traffic.link, { groupId, ...timeouts, onRebalance: () => undefined, onLost: () => undefined }, 1)
  onTestFinished(() => group.leave())
  return group
}

describe.for(versions)('version %i of the protocol', version => {
  test('connections that are cut again and again: what was committed is seen once, nothing else ever', async () => {
    const topic = `cut-transactions-${version}`
    await createTopic(bootstrap, { name: topic, partitions: 3, config: kept })
    const traffic = await Traffic.open(bootstrap, { level: version })
    const transactions = new Transactions(await traffic.producer({ transactionalId: topic }), topic, 3)
    for (let cuts = 0; cuts < 20; cuts++) {
      await sleep(100 + (cuts % 5) * 60)
      traffic.cut()
    }
    await transactions.stop()
    expect(transactions.count).toBeGreaterThan(10)
    await transactions.expectSeen(bootstrap, topic)
  })

  test('a newer producer fences the older in the middle of its transaction', async () => {
    const topic = `fenced-${version}`
    const at = { topic, partition: 0 }
    await createTopic(bootstrap, { name: topic, config: kept })
    const traffic = await Traffic.open(bootstrap, { level: version })
    const older = await traffic.producer({ transactionalId: topic })
    await older.begin()
    await store(older, at, ['of the older'])
    const newer = await traffic.producer({ transactionalId: topic })
    const late = send(older, at, 'late')
    await older.flush()
    expect(late.error).toBeInstanceOf(FencedError)
    expect(() => send(older, at, 'later')).toThrow(FencedError)
    await expect(older.commit([], null)).rejects.toThrow(FencedError)
    await newer.begin()
    send(newer, at, 'of the newer')
    await newer.commit([], null)
    const reading = new Reading(traffic.reader(), at)
    await reading.has(1)
    expect(reading.values).toEqual(['of the newer'])
  })

  test('a producer whose transaction takes too long is fenced, and holds up nobody for longer', async () => {
    const topic = `slow-${version}`
    const at = { topic, partition: 0 }
    await createTopic(bootstrap, { name: topic, config: kept })
    const traffic = await Traffic.open(bootstrap, { level: version })
    const slow = await traffic.producer({ transactionalId: topic, transactionTimeoutMs: 1500 })
    const reading = new Reading(traffic.reader(), at)
    await slow.begin()
    await store(slow, at, ['never'])
    await store(await traffic.producer(), at, ['behind it'])
    expect(reading.values).toEqual([])
    await reading.has(1)
    const late = send(slow, at, 'late')
    await expect(slow.commit([], null)).rejects.toThrow(FencedError)
    expect(late.error).toBeInstanceOf(FencedError)
    const again = await traffic.producer({ transactionalId: topic })
    await again.begin()
    send(again, at, 'again')
    await again.commit([], null)
    await reading.has(2)
    expect(reading.values).toEqual(['behind it', 'again'])
  })

  test('offsets go with the messages, and only under the membership that is', async () => {
    const topic = `offsets-${version}`
    const at = { topic, partition: 0 }
    await createTopic(bootstrap, { name: topic, config: kept })
    const traffic = await Traffic.open(bootstrap, { level: version })
    const producer = await traffic.producer({ transactionalId: topic })
    const group = groupOf(traffic, topic)
    const stale = await join(traffic, group, topic)
    const current = await join(traffic, group, topic)
    for (const membership of [stale, { ...current, memberId: 'stranger' }]) {
      await producer.begin()
      send(producer, at, 'of a zombie')
      await expect(producer.commit([{ ...at, offset: 5 }], membership)).rejects.toThrow(FencedError)
      await producer.abort()
    }
    expect(await group.committed([at])).toEqual([])
    await producer.begin()
    await producer.commit([{ ...at, offset: 7 }], current)
    await producer.begin()
    send(producer, at, 'rightful')
    await producer.commit([{ ...at, offset: 9 }], current)
    expect(await group.committed([at])).toEqual([{ ...at, offset: 9 }])
    const reading = new Reading(traffic.reader(), at)
    await reading.has(1)
    expect(reading.values).toEqual(['rightful'])
  })

  test('copied from topic to topic by producers that vanish at any time: each message arrives once, in order', async () => {
    const [from, to] = [`from-${version}`, `to-${version}`].map(topic => ({ topic, partition: 0 })) as [
      TopicPartition,
      TopicPartition,
    ]
    for (const { topic } of [from, to]) await createTopic(bootstrap, { name: topic, config: kept })
    const traffic = await Traffic.open(bootstrap, { level: version })
    const random = seededRandom(7)
    await store(await traffic.producer(), from, numbers(400))
    const group = groupOf(traffic, from.topic)
    const membership = await join(traffic, group, from.topic)
    const input = new Reading(traffic.reader(), from)
    await input.has(400)
    let producer = await traffic.producer({ transactionalId: to.topic })
    for (let next = 0; next < 400;) {
      const end = Math.min(400, next + 1 + Math.floor(random.next() * 30))
      await producer.begin()
      for (const value of input.values.slice(next, end)) send(producer, to, value)
      if (random.next() < 0.3) {
        // Somebody else takes over; the broker is told nothing.
        if (random.next() < 0.5) await producer.flush()
        producer = await traffic.producer({ transactionalId: to.topic })
      } else {
        if (random.next() < 0.2) setTimeout(() => traffic.cut(), random.next() * 10)
        await producer.commit([{ ...from, offset: end }], membership)
      }
      next = (await group.committed([from]))[0]?.offset ?? 0
    }
    const output = new Reading(traffic.reader(), to)
    await output.has(400)
    expect(output.values).toEqual(numbers(400))
  })
})

describe('three nodes', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 })
  })
  afterAll(() => cluster.close())

  test.for(versions)(
    'coordinators that move and nodes that are killed: what was committed is seen once (version %i)',
    async version => {
      const brokers = cluster.bootstrap()
      const topic = `moving-transactions-${version}`
      await createTopic(brokers, { name: topic, partitions: 3, replicas: 3, config: kept })
      const traffic = await Traffic.open(brokers, { level: version })
      const transactions = new Transactions(await traffic.producer({ transactionalId: topic }), topic, 3)
      for (const node of [1, 2, 3]) await moveCoordinator(brokers, node, { name: topic, kind: 'transaction' })
      for (const node of [3, 1]) {
        await cluster.kill(node)
        await sleep(4000)
        await cluster.start(node)
      }
      await sleep(500)
      await transactions.stop()
      expect(transactions.count).toBeGreaterThan(20)
      await transactions.expectSeen(brokers, topic)
    },
  )
})
