import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { FencedError } from '../../src/errors.js'
import { KafkaGroup } from '../../src/kafka/group/group.js'
import { seededRandom } from '../../src/lib/random.js'
import type { Group, Membership, TopicPartition } from '../../src/transport/transport.js'
import { createTopic } from './steering.js'
import { numbers, Reading, send, store, Traffic } from './traffic.js'
import { Transactions, transactionVersions } from './transactions.js'

const bootstrap = inject('kafka')
const kept = { 'retention.ms': '-1' }

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

describe.for(transactionVersions)('version %i of the protocol', version => {
  test('connections that are cut again and again: what was committed is seen once, nothing else ever', async () => {
    const topic = `cut-transactions-${version}`
    await createTopic(bootstrap, { name: topic, partitions: 3, config: kept })
    const traffic = await Traffic.open(bootstrap, { level: version })
    const transactions = new Transactions(await traffic.producer({ transactionalId: topic }), topic, 3)
    for (let cuts = 0; cuts < 20; cuts++) {
      await sleep(100 + (cuts % 5) * 60)
      traffic.cut()
    }
    await transactions.goOn()
    await transactions.stop()
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
