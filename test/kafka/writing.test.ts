import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { EncodeError } from '../../src/errors.js'
import { startCluster } from './cluster.js'
import { consumeLines } from './java-tools.js'
import { createTopic } from './steering.js'
import { Counting, expectCounted, numbers, Reading, send, store, Traffic } from './traffic.js'

const bootstrap = inject('kafka')
const kept = { 'retention.ms': '-1' }

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

test('what is larger than the topic takes is refused before it is sent; a topic may take more than others', async () => {
  await createTopic(bootstrap, { name: 'narrow', config: { ...kept, 'max.message.bytes': '20000' } })
  await createTopic(bootstrap, { name: 'wide', config: { ...kept, 'max.message.bytes': '5000000' } })
  const producer = await (await Traffic.open(bootstrap)).producer()
  const narrow = { topic: 'narrow', partition: 0 }
  // Nobody knows the limit yet: the broker refuses it, for good.
  const early = send(producer, narrow, Buffer.alloc(30_000))
  await producer.flush()
  expect(early.error?.message).toMatch(/^Cannot store messages of "narrow"\[0\]: a message is too large \(MESSAGE_TOO_LARGE/)
  expect(() => send(producer, narrow, Buffer.alloc(30_000))).toThrow(EncodeError)
  await store(producer, narrow, Array<string>(500).fill('x'.repeat(1000)))

  const wide = { topic: 'wide', partition: 0 }
  await store(producer, wide, ['so that its limit is known'])
  const large = send(producer, wide, Buffer.alloc(4_000_000))
  await producer.flush()
  expect([large.error, large.baseOffset]).toEqual([null, 1])
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
