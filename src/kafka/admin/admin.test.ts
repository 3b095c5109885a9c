import { afterEach, beforeEach, expect, test } from 'vitest'
import { ClosedError, TransportError } from '../../errors.js'
import { silentLogger, type Logger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { Cluster } from '../cluster/cluster.js'
import { errorCodes } from '../wire/error-codes.js'
import { FakeCluster } from '../cluster/fake-wire.js'
import { findCoordinator, metadata, type TopicMetadata } from '../wire/cluster-apis.js'
import { describeConfigs } from '../wire/configs.js'
import { deleteGroups } from '../wire/groups.js'
import { listOffsets, offsetCommit } from '../wire/offsets.js'
import { createPartitions, createTopics, deleteTopics } from '../wire/topics.js'
import { KafkaAdmin } from './admin.js'

const clock = virtualClock()
const warnings: string[] = []
const log: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message), child: () => log }
const context = { clientId: 'test', clock, random: seededRandom(3), log }

let fake: FakeCluster
let cluster: Cluster
let admin: KafkaAdmin
/** Topics that a broker has not heard of yet, by `host:port`. */
let unheard: Map<string, string>

beforeEach(async () => {
  fake = new FakeCluster([1, 2])
  unheard = new Map()
  warnings.length = 0
  fake.on(metadata, ({ topics }, place) => {
    const known = [...fake.topics.values()].filter(({ name }) => name !== unheard.get(place))
    const asked = topics?.map(({ name = '' }) => known.find(topic => topic.name === name) ?? unknown(name))
    return { brokers: [...fake.brokers.values()], clusterId: 'fake', controllerId: 1, topics: asked ?? known }
  })
  const coordinator = { key: 'g', nodeId: 1, host: 'b1', port: 9092, errorCode: 0, errorMessage: '' }
  fake.on(findCoordinator, () => ({ coordinators: [coordinator] }))
  fake.on(describeConfigs, ({ topics }) => ({
    topics: topics.map(topic => ({ topic, errorCode: 0, errorMessage: null, configs: [...configs(topic)] })),
  }))
  const endpoints = [{ host: 'b1', port: 9092 }]
  const security = { tls: null, sasl: null }
  cluster = await Cluster.open({ endpoints, place: 'kafka://b1', security, context, openWire: fake.open })
  admin = new KafkaAdmin({ cluster, context })
})
afterEach(() => {
  admin.close()
  cluster.close()
})

function unknown(name: string): TopicMetadata {
  return { errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, name, id: '', isInternal: false, partitions: [] }
}

function configs(topic: string): { name: string; value: string; isInherited: boolean }[] {
  const compacted = topic.startsWith('compacted')
  const values = { 'cleanup.policy': compacted ? 'compact' : 'delete', 'retention.ms': '1000', 'retention.bytes': '-1' }
  return Object.entries(values).map(([name, value]) => ({ name, value, isInherited: true }))
}

const answer = (name: string, errorCode = 0): { topics: { name: string; errorCode: number; errorMessage: null }[] } => ({
  topics: [{ name, errorCode, errorMessage: null }],
})

/** Lets time pass until the promise is settled; returns how long that took. */
async function timed(promise: Promise<unknown>): Promise<number> {
  const startMs = clock.elapsed()
  let isSettled = false
  const settle = (): void => void (isSettled = true)
  promise.then(settle, settle)
  for (let steps = 0; !isSettled && steps < 10_000; steps++) await clock.advance(20)
  return clock.elapsed() - startMs
}

test('topics are described with what holds for them; the own ones of brokers are not listed', async () => {
  fake.setTopic('orders', [1, 2])
  fake.setTopic('compacted', [1])
  fake.topics.set('__offsets', { ...fake.topics.get('orders')!, name: '__offsets', isInternal: true })
  const forever = { retentionMs: -1, retentionBytes: -1, replicas: 1 }
  expect(await admin.topics()).toEqual([
    { ...forever, name: 'compacted', id: 'compacted', partitions: 1, compacted: true },
    { ...forever, name: 'orders', id: 'orders', partitions: 2, compacted: false, retentionMs: 1000 },
  ])
  expect((await admin.topics(['orders', 'nowhere'])).map(({ name }) => name)).toEqual(['orders'])
})

test('a topic that is deleted between the questions is not described', async () => {
  fake.setTopic('orders', [1])
  const gone = errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  fake.on(describeConfigs, () => ({ topics: [{ topic: 'orders', errorCode: gone, errorMessage: null, configs: [] }] }))
  expect(await admin.topics()).toEqual([])
})

test('a topic is created when every broker knows its leaders; nothing is asked for that was not said', async () => {
  fake.on(createTopics, () => {
    fake.setTopic('orders', [-1])
    unheard.set('b2:9092', 'orders')
    clock.after(500, () => fake.setTopic('orders', [1]), 'work')
    clock.after(900, () => unheard.clear(), 'work')
    return answer('orders')
  })
  expect(await timed(admin.createTopics([{ name: 'orders', partitions: 1 }]))).toBeGreaterThanOrEqual(900)
  const [request] = fake.requests.filter(({ name }) => name === 'CreateTopics')
  const wanted = { 'cleanup.policy': 'delete', 'retention.bytes': '-1' }
  const settings = Object.entries(wanted).map(([name, value]) => ({ name, value }))
  expect(request?.args).toMatchObject({ topics: [{ name: 'orders', partitions: 1, replicas: -1, configs: settings }] })
})

test('a topic without leaders is not there yet', async () => {
  fake.on(createTopics, () => {
    fake.setTopic('orders', [1, -1])
    clock.after(800, () => fake.setTopic('orders', [1, 2]), 'work')
    return answer('orders')
  })
  expect(await timed(admin.createTopics([{ name: 'orders', partitions: 2 }]))).toBeGreaterThanOrEqual(800)
})

test('a topic that exists is left alone; what brokers refuse is an error in their words', async () => {
  fake.setTopic('orders', [1])
  fake.on(createTopics, () => answer('orders', errorCodes.TOPIC_ALREADY_EXISTS))
  const creating = admin.createTopics([{ name: 'orders', partitions: 3 }])
  await timed(creating)
  await creating
  const errorMessage = 'Unable to replicate.'
  fake.on(createTopics, () => ({ topics: [{ name: 'more', errorCode: errorCodes.INVALID_REPLICATION_FACTOR, errorMessage }] }))
  await expect(admin.createTopics([{ name: 'more', partitions: 1, replicas: 9 }])).rejects.toThrow(
    /^Cannot create the topic "more": there are fewer brokers than replicas wanted .*Unable to replicate.*Ask for fewer replicas/,
  )
})

test('a topic that this user may not see is not created, and named once to whoever looks for it', async () => {
  const code = errorCodes.TOPIC_AUTHORIZATION_FAILED
  const hide = (): void => void fake.topics.set('orders', { ...unknown('orders'), errorCode: code })
  hide()
  const refusal = 'Cannot look for the topic "orders": this user may not do that with the topic (TOPIC_AUTHORIZATION_FAILED).'
  await expect(admin.createTopics([{ name: 'orders', partitions: 1 }])).rejects.toThrow(
    `${refusal} Grant it Describe on the topic.`,
  )
  expect(fake.count(createTopics)).toBe(0)
  const asking = admin.endOffsets([{ topic: 'orders', partition: 0 }], 'read-committed')
  const refused = expect(asking).rejects.toThrow(/end offsets of partitions, "orders": this user .* Grant it Describe/)
  expect(await timed(asking)).toBeLessThan(3000)
  await refused
  for (const isThere of [false, false, true, false]) {
    if (isThere) fake.setTopic('orders', [1])
    else hide()
    expect(await admin.topics(['orders'])).toHaveLength(isThere ? 1 : 0)
  }
  expect(warnings).toEqual(Array(2).fill(expect.stringContaining(refusal)))
})

test('a topic that this user may see but not describe is an error by its name, and left out of the list of all', async () => {
  for (const name of ['orders', 'others']) fake.setTopic(name, [1])
  const refused = errorCodes.TOPIC_AUTHORIZATION_FAILED
  fake.on(describeConfigs, ({ topics }) => ({
    topics: topics.map(topic => {
      const errorCode = topic === 'others' ? refused : 0
      return { topic, errorCode, errorMessage: null, configs: [...configs(topic)] }
    }),
  }))
  await expect(admin.topics(['orders', 'others'])).rejects.toThrow(/the topic "others".* Grant it DescribeConfigs on the topic/)
  for (let times = 0; times < 2; times++) expect((await admin.topics()).map(({ name }) => name)).toEqual(['orders'])
  const remedy = 'Grant it DescribeConfigs on those that the app uses'
  expect(warnings).toEqual([`Not listed, since this user may not know what they are like: "others". ${remedy}`])
})

test('partitions that are there already are no error, fewer are', async () => {
  fake.setTopic('orders', [1, 1, 1])
  fake.on(createPartitions, () => answer('orders', errorCodes.INVALID_PARTITIONS))
  const adding = admin.addPartitions('orders', 3)
  await timed(adding)
  await adding
  await expect(admin.addPartitions('orders', 2)).rejects.toMatchObject({ constructor: TransportError, retriable: false })
})

test('a topic is deleted when no broker knows it any more', async () => {
  fake.setTopic('orders', [1])
  fake.on(deleteTopics, () => {
    clock.after(700, () => fake.topics.delete('orders'), 'work')
    return answer('orders')
  })
  expect(await timed(admin.deleteTopics(['orders']))).toBeGreaterThanOrEqual(700)
  expect(cluster.topic('orders')?.partitions ?? []).toEqual([])
})

test('offsets come in the order of the question; of an unknown partition nothing is guessed', async () => {
  fake.setTopic('orders', [1, 2])
  fake.on(listOffsets, ({ partitions }) => ({
    partitions: partitions.map(part => ({ ...part, errorCode: 0, offset: part.partition + 10, leaderEpoch: 0 })),
  }))
  const at = [1, 0].map(partition => ({ topic: 'orders', partition }))
  expect(await admin.endOffsets(at, 'read-committed')).toEqual(at.map(each => ({ ...each, offset: each.partition + 10 })))
  expect(fake.requests.at(-1)?.args).toMatchObject({ isReadCommitted: true })
  const asking = admin.endOffsets([...at, { topic: 'orders', partition: 2 }], 'read-committed')
  const refused = expect(asking).rejects.toMatchObject({ constructor: TransportError, retriable: true })
  expect(await timed(asking)).toBeLessThan(5000)
  await refused
})

test('a group with members is not reset; one without is made anew as a whole', async () => {
  fake.setTopic('orders', [1])
  const offsets = [{ topic: 'orders', partition: 0, offset: 3 }]
  fake.on(offsetCommit, ({ partitions }) => ({ partitions: partitions.map(part => ({ ...part, errorCode: 0 })) }))
  fake.on(deleteGroups, () => ({ groups: [{ groupId: 'g', errorCode: errorCodes.NON_EMPTY_GROUP }] }))
  await expect(admin.resetGroup('g', offsets)).rejects.toMatchObject({ constructor: TransportError, retriable: false })
  expect(fake.count(offsetCommit)).toBe(0)
  fake.on(deleteGroups, () => ({ groups: [{ groupId: 'g', errorCode: errorCodes.GROUP_ID_NOT_FOUND }] }))
  await admin.resetGroup('g', offsets)
  expect(fake.requests.at(-1)?.args).toMatchObject({ generation: -1, memberId: '', instanceId: null, partitions: offsets })
  // Somebody has joined in between: that is no fencing of ours.
  const errorCode = errorCodes.UNKNOWN_MEMBER_ID
  fake.on(offsetCommit, ({ partitions }) => ({ partitions: partitions.map(part => ({ ...part, errorCode })) }))
  await expect(admin.resetGroup('g', offsets)).rejects.toBeInstanceOf(TransportError)
})

test('whoever watches is told of topics that come, grow and go, until it stops', async () => {
  fake.setTopic('orders', [1])
  let changes = 0
  const stop = admin.watchTopics(() => changes++)
  await clock.advance(10_000)
  const seen: number[] = [changes]
  for (const change of [
    () => fake.setTopic('more', [1]),
    () => fake.setTopic('more', [1, 1]),
    () => fake.setTopic('more', [1, 1], { id: 'another' }),
    () => fake.topics.delete('more'),
    () => fake.setTopic('orders', [2], { epoch: 1 }),
  ]) {
    change()
    for (let step = 0; step < 10; step++) await clock.advance(1000)
    seen.push(changes)
  }
  // Another leader is no change.
  expect(seen).toEqual([1, 2, 3, 4, 5, 5])
  stop()
  const before = fake.count(metadata)
  await clock.advance(20_000)
  expect(fake.count(metadata)).toBe(before)
  admin.close()
  expect(() => admin.watchTopics(() => undefined)).toThrow(ClosedError)
})
