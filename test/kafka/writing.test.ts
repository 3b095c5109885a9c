import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { EncodeError } from '../../src/errors.js'
import type { KafkaProducer } from '../../src/kafka/producer/producer.js'
import type { TopicPartition } from '../../src/transport/transport.js'
import { startCluster } from './cluster.js'
import { consumeLines } from './java-tools.js'
import { createTopic, eventually } from './steering.js'
import { Counting, expectCounted, numbers, Reading, send, store, Traffic } from './traffic.js'

const bootstrap = inject('kafka')
const kept = { 'retention.ms': '-1' }

/** Sends 4 MB, which is refused before it is known that the topic takes it. */
function takesLarge(producer: KafkaProducer, at: TopicPartition): boolean {
  try {
    send(producer, at, Buffer.alloc(4_000_000))
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(EncodeError)
    return false
  }
}

/** By a reader that has seen nothing of what happened meanwhile. */
async function expectStored(brokers: string, topic: string, counting: Counting): Promise<void> {
  const traffic = await Traffic.open(brokers)
  const reader = traffic.reader()
  const readings = counting.sent.map((_, partition) => new Reading(reader, { topic, partition }))
  await expectCounted(readings, counting)
  expect(traffic.errors).toEqual([])
}

test('what we write the Java consumer reads', async () => {
  await createTopic(bootstrap, { name: 'written', config: kept })
  const producer = await (await Traffic.open(bootstrap)).producer()
  const values = ['', 'plain', 'häßlich', '日本語', '🙂', ...numbers(500)]
  await store(producer, { topic: 'written', partition: 0 }, values)
  expect(await consumeLines(bootstrap, 'written', { count: values.length, words: ['--property', 'print.value=true'] })).toEqual(
    values.filter(value => value !== ''),
  )
})

test('connections that are cut again and again, mid-request: everything is stored once, in order', async () => {
  await createTopic(bootstrap, { name: 'cut', partitions: 4, config: kept })
  const traffic = await Traffic.open(bootstrap)
  const counting = new Counting(await traffic.producer(), 'cut', 4)
  for (let cuts = 0; cuts < 15; cuts++) {
    await sleep(50 + (cuts % 5) * 60)
    traffic.cut()
  }
  await counting.stop()
  expect(Math.min(...counting.sent)).toBeGreaterThan(100)
  await expectStored(bootstrap, 'cut', counting)
})

test('of a batch that the broker refuses, only the messages that it does not take are refused', async () => {
  await createTopic(bootstrap, { name: 'small', config: { ...kept, 'max.message.bytes': '3000' } })
  await createTopic(bootstrap, { name: 'keyed', config: { 'cleanup.policy': 'compact' } })
  const traffic = await Traffic.open(bootstrap)
  const producer = await traffic.producer()
  const small = { topic: 'small', partition: 0 }
  const sizes = [...Array<number>(9).fill(1000), 4000, 1000]
  const sent = sizes.map(size => {
    const batch = send(producer, small, 'x'.repeat(size))
    return { size, batch, place: batch.count - 1 }
  })
  await producer.flush()
  const stored = sent.filter(({ batch, place }) => batch.errorAt(place) === null)
  expect(sent.filter(each => !stored.includes(each)).map(({ size }) => size)).toEqual([4000])
  expect(stored.map(({ batch, place }) => batch.offsetAt(place))).toEqual(stored.map((_, index) => index))
  const keyed = { topic: 'keyed', partition: 0, timestamp: Date.now(), keyStart: 0, keyEnd: 1, headers: null }
  const keys = ['a', null, 'b', null, null, 'c']
  const mixed = keys.map(key => producer.append({ ...keyed, key: key === null ? null : Buffer.from(key), value: `${key}` }))[0]!
  await producer.flush()
  expect(keys.map((_, place) => mixed.errorAt(place)?.message.includes('INVALID_RECORD: Compacted topic') ?? false)).toEqual(
    keys.map(key => key === null),
  )
  const reading = new Reading(traffic.reader(), { topic: 'keyed', partition: 0 })
  await reading.has(3)
  expect([reading.values, traffic.errors]).toEqual([['a', 'b', 'c'], []])
})

test('what is larger than the topic takes is refused before it is sent; a topic may take more than others', async () => {
  await createTopic(bootstrap, { name: 'narrow', config: { ...kept, 'max.message.bytes': '20000' } })
  await createTopic(bootstrap, { name: 'wide', config: { ...kept, 'max.message.bytes': '5000000' } })
  const producer = await (await Traffic.open(bootstrap)).producer()
  const narrow = { topic: 'narrow', partition: 0 }
  // Nobody knows the limit yet: the broker refuses it, for good.
  const early = send(producer, narrow, Buffer.alloc(30_000))
  await producer.flush()
  expect(early.error?.message).toMatch(
    /^Cannot store a message of 300\d\d bytes in "narrow"\[0\], whose max\.message\.bytes is 20000: .*MESSAGE_TOO_LARGE/,
  )
  expect(() => send(producer, narrow, Buffer.alloc(30_000))).toThrow(EncodeError)
  await store(producer, narrow, Array<string>(500).fill('x'.repeat(1000)))

  const wide = { topic: 'wide', partition: 0 }
  await store(producer, wide, ['so that its limit is asked for'])
  await eventually('a known limit', () => Promise.resolve(takesLarge(producer, wide)))
  await producer.flush()
  const reading = new Reading((await Traffic.open(bootstrap)).reader(), wide)
  await reading.has(2)
  expect(reading.values.map(({ length }) => length)).toEqual([30, 4_000_000])
})

test('a compacted topic takes no message without a key: that is final, and others go on', async () => {
  await createTopic(bootstrap, { name: 'compacted', config: { 'cleanup.policy': 'compact' } })
  await createTopic(bootstrap, { name: 'beside', config: kept })
  const producer = await (await Traffic.open(bootstrap)).producer()
  const bad = send(producer, { topic: 'compacted', partition: 0 }, 'no key')
  await store(producer, { topic: 'beside', partition: 0 }, ['good'])
  expect(bad.error?.message).toMatch(/does not pass the checks of the broker.*INVALID_RECORD.*key/)
})

describe('one node that is killed, frozen and bounced', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.close())

  test('everything that is sent meanwhile is stored once, in order', async () => {
    const brokers = cluster.bootstrap()
    await createTopic(brokers, { name: 'bounced', partitions: 3, config: kept })
    const counting = new Counting(await (await Traffic.open(brokers)).producer(), 'bounced', 3)
    await sleep(500)
    await cluster.kill(1)
    await sleep(1000)
    await cluster.start(1)
    await sleep(500)
    cluster.freeze(1)
    await sleep(2000)
    cluster.thaw(1)
    await sleep(300)
    await cluster.bounce(1)
    await sleep(500)
    await counting.stop()
    await expectStored(brokers, 'bounced', counting)
  })
})
