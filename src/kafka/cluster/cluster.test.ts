import { afterEach, beforeEach, expect, test } from 'vitest'
import { ClosedError, TransportError } from '../../errors.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { Cluster } from './cluster.js'
import { errorCodes } from '../wire/error-codes.js'
import { FakeCluster } from './fake-wire.js'
import { findCoordinator, metadata, type Broker } from '../wire/cluster-apis.js'
import { heartbeat } from '../wire/group.js'
import { latest, listOffsets, offsetCommit } from '../wire/offsets.js'
import { createTopics } from '../wire/topics.js'

const clock = virtualClock()
const context = { clientId: 'test', clock, random: seededRandom(3), log: silentLogger }
const addresses = [1, 2, 3].map(number => ({ host: `b${number}`, port: 9092 }))
const member = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }
const group = { kind: 'group', key: 'g' } as const
const what = 'Cannot do it'

let fake: FakeCluster
let cluster: Cluster | null
beforeEach(() => {
  fake = new FakeCluster([1, 2, 3])
  cluster = null
})
afterEach(() => cluster?.close())

async function open(endpoints = addresses): Promise<Cluster> {
  const security = { tls: null, sasl: null }
  cluster = await Cluster.open({ endpoints, place: 'kafka://b1,b2,b3', security, context, openWire: fake.open })
  return cluster
}

/** Lets time pass until the promise is settled, and says how long that took; at most two minutes. */
async function timed<Value>(promise: Promise<Value>): Promise<{ value: Value | null; error: unknown; ms: number }> {
  const startedMs = clock.elapsed()
  const seen: { value: Value | null; error: unknown; ms: number } = { value: null, error: null, ms: -1 }
  const settled = promise
    .then(
      value => (seen.value = value),
      (error: unknown) => (seen.error = error),
    )
    .then(() => (seen.ms = clock.elapsed() - startedMs))
  while (seen.ms < 0 && clock.elapsed() - startedMs < 120_000) await clock.advance(20)
  await settled
  return seen
}

const found = (nodeId: number, errorCode = 0): { coordinators: never[] } =>
  ({ coordinators: [{ key: 'g', nodeId, host: `b${nodeId}`, port: 9092, errorCode, errorMessage: '' }] }) as never

const places = (name: string): string[] => fake.requests.filter(request => request.name === name).map(({ place }) => place)

test('the first address is dead: the next one is asked, and the cluster names its brokers', async () => {
  fake.remove(1)
  const { brokers } = await open()
  expect([...brokers.keys()]).toEqual([2, 3])
})

test('no address answers: an error that says why of each', async () => {
  fake.brokers.clear()
  const { error } = await timed(open())
  expect(error).toMatchObject({ constructor: TransportError, retriable: true })
  expect(String(error)).toMatch(/^TransportError: Cannot reach any broker of kafka:\/\/b1,b2,b3\. .*b1:9092.*b2:9092.*b3:9092/)
})

test('credentials that are refused fail at once: no other address is tried', async () => {
  fake.refusal = new TransportError('Cannot log in to the broker at b1:9092 by PLAIN: …', { retriable: false })
  const { error, ms } = await timed(open())
  expect([error, ms, fake.opened]).toEqual([fake.refusal, 0, 1])
})

test('partitions come in any order; what does not exist says so; a partition may have no leader', async () => {
  fake.setTopic('orders', [1, -1, 3])
  const { value } = await timed((await open()).topics(['orders', 'nowhere']))
  expect(value!.get('orders')!.partitions.map(partition => partition.leader)).toEqual([1, -1, 3])
  expect(value!.get('nowhere')).toMatchObject({ errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, partitions: [] })
  expect(cluster!.leader({ topic: 'orders', partition: 2 })).toEqual({ nodeId: 3, epoch: 0 })
  expect(cluster!.leader({ topic: 'orders', partition: 1 })).toBeNull()
  expect(cluster!.leader({ topic: 'orders', partition: 9 })).toBeNull()
})

test('a broker that lags behind is not believed, but a topic created again is', async () => {
  fake.setTopic('orders', [1], { id: 'one', epoch: 5 })
  await open()
  await timed(cluster!.topics(['orders']))
  fake.setTopic('orders', [2], { id: 'one', epoch: 4 })
  await timed(cluster!.refresh())
  expect(cluster!.leader({ topic: 'orders', partition: 0 })).toEqual({ nodeId: 1, epoch: 5 })
  fake.setTopic('orders', [3], { id: 'two', epoch: 0 })
  await timed(cluster!.refresh())
  expect(cluster!.leader({ topic: 'orders', partition: 0 })).toEqual({ nodeId: 3, epoch: 0 })
  expect(cluster!.topic('orders')!.id).toBe('two')
})

test('refreshes that are wanted together are one, and a storm of them is slowed down', async () => {
  await open()
  await timed(cluster!.topics(['nowhere']))
  const before = fake.count(metadata)
  await timed(Promise.all(Array.from({ length: 50 }, () => cluster!.refresh())))
  expect(fake.count(metadata)).toBe(before + 1)
  const startedMs = clock.elapsed()
  for (let count = 0; count < 20; count++) await timed(cluster!.refresh())
  expect(clock.elapsed() - startedMs).toBeGreaterThan(8_000)
})

test('a topic that nobody has asked about yet need not wait, not even for a refresh that does', async () => {
  for (const topic of ['a', 'b', 'c', 'd', 'e']) fake.setTopic(topic, [1])
  await open()
  for (const topic of ['a', 'b', 'c', 'd', 'e']) expect((await timed(cluster!.topics([topic]))).ms).toBe(0)
  for (let count = 0; count < 6; count++) await timed(cluster!.refresh())
  const slow = timed(cluster!.refresh())
  await clock.advance(100)
  fake.setTopic('new', [1])
  const { value, ms } = await timed(cluster!.topics(['new']))
  expect([value!.get('new')!.errorCode, ms]).toEqual([0, 0])
  await slow
})

test('a refresh that was sent before the call is not enough', async () => {
  await open()
  fake.setTopic('orders', [1], { epoch: 1 })
  const topics = timed(cluster!.topics(['orders']))
  await clock.advance(150)
  const early = cluster!.refresh()
  fake.setTopic('orders', [2], { epoch: 2 })
  await timed(early)
  await topics
  expect(cluster!.leader({ topic: 'orders', partition: 0 })!.nodeId).toBe(2)
})

test('at an age of five minutes the metadata is asked for anew, and watchers hear what is new', async () => {
  fake.setTopic('orders', [1])
  await open()
  await timed(cluster!.topics(['orders']))
  const changes: number[] = []
  const stop = cluster!.watch(() => changes.push(cluster!.topic('orders')!.partitions.length))
  await clock.advance(260_000)
  fake.setTopic('orders', [1, 2])
  await clock.advance(60_000)
  expect(changes).toEqual([2])
  await timed(cluster!.refresh())
  expect(changes).toEqual([2])
  stop()
  fake.setTopic('orders', [1, 2, 3])
  await clock.advance(300_000)
  expect(changes).toEqual([2])
})

test('a topic that nobody has asked about for five minutes is forgotten', async () => {
  fake.setTopic('orders', [1])
  await open()
  await timed(cluster!.topics(['orders']))
  await clock.advance(700_000)
  expect(fake.requests.at(-1)).toMatchObject({ name: 'Metadata', args: { topics: [] } })
})

test('a broker that goes ends its connections; one that moves is found', async () => {
  fake.on(heartbeat, () => ({ errorCode: 0 }))
  await open()
  const connection = cluster!.connection(2, 'group:g')
  await timed(connection.send(heartbeat, member, 1000))
  fake.frozen.add('b2:9092')
  const pending = timed(connection.send(heartbeat, member, 60_000))
  fake.brokers.delete('b2:9092')
  await timed(cluster!.refresh())
  expect((await pending).error).toMatchObject({
    message: 'The broker at b2:9092 has left the cluster, or moved.',
    retriable: true,
  })
  expect(() => cluster!.connection(2, 'control')).toThrow('Cannot reach broker 2: the cluster does not name it any more.')
  fake.brokers.set('moved:9092', { nodeId: 2, host: 'moved', port: 9092, rack: null })
  await timed(cluster!.refresh())
  const moved = cluster!.connection(2, 'group:g')
  expect(moved.place).toBe('moved:9092')
  fake.brokers.delete('moved:9092')
  fake.brokers.set('again:9092', { nodeId: 2, host: 'again', port: 9092, rack: null })
  await timed(cluster!.refresh())
  expect(cluster!.connection(2, 'group:g').place).toBe('again:9092')
  await expect(moved.send(heartbeat, member, 1000)).rejects.toThrow('has left the cluster, or moved')
})

test('all known brokers are gone: the addresses from the settings are asked again', async () => {
  let named = [2, 3]
  const broker = (nodeId: number): Broker => ({ nodeId, host: `b${nodeId}`, port: 9092, rack: null })
  fake.on(metadata, () => ({ brokers: named.map(broker), clusterId: 'fake', controllerId: 1, topics: [] }))
  await open(addresses.slice(0, 1))
  for (const number of named) fake.remove(number)
  named = [1]
  await timed(cluster!.refresh())
  expect([...cluster!.brokers.keys()]).toEqual([1])
})

test('leaders: each is asked for its own, and only what has moved is asked again', async () => {
  fake.setTopic('orders', [1, 2, 2])
  const asked: string[] = []
  fake.on(listOffsets, ({ partitions }, place) => {
    asked.push(`${place} ${partitions.map(part => part.partition).join()}`)
    const answers = partitions.map(part => {
      const isMoved = part.partition === 2 && place === 'b2:9092'
      if (isMoved) fake.setTopic('orders', [1, 2, 3], { epoch: 1 })
      const errorCode = isMoved ? errorCodes.NOT_LEADER_OR_FOLLOWER : 0
      return {
        topic: part.topic,
        partition: part.partition,
        errorCode,
        offset: 10 + part.partition,
        timestamp: -1,
        leaderEpoch: 0,
      }
    })
    return { partitions: answers }
  })
  await open()
  const parts = [0, 1, 2].map(partition => ({ topic: 'orders', partition, timestamp: latest }))
  const args = (own: typeof parts): { isReadCommitted: boolean; partitions: typeof parts } => ({
    isReadCommitted: true,
    partitions: own,
  })
  const { value, error } = await timed(cluster!.atLeaders(listOffsets, parts, { what, args: own => args([...own]) }))
  expect(error).toBeNull()
  expect(Object.fromEntries(value!.map(part => [part.partition, part.offset]))).toEqual({ 0: 10, 1: 11, 2: 12 })
  expect(asked.sort()).toEqual(['b1:9092 0', 'b2:9092 1,2', 'b3:9092 2'])
})

test('leaders: one that has died is waited for until there is another; a refusal is an answer', async () => {
  fake.setTopic('orders', [1, 2])
  fake.on(listOffsets, ({ partitions }) => ({
    partitions: partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      errorCode: partition === 0 ? 0 : 29,
      offset: 1,
      timestamp: -1,
      leaderEpoch: 0,
    })),
  }))
  await open()
  await timed(cluster!.topics(['orders']))
  fake.remove(1)
  fake.setTopic('orders', [-1, 2], { epoch: 1 })
  clock.after(3_000, () => fake.setTopic('orders', [3, 2], { epoch: 2 }), 'background')
  const parts = [0, 1].map(partition => ({ topic: 'orders', partition, timestamp: latest }))
  const { value, ms } = await timed(
    cluster!.atLeaders(listOffsets, parts, { what, args: own => ({ isReadCommitted: false, partitions: own }) }),
  )
  expect(ms).toBeGreaterThanOrEqual(2_900)
  expect(ms).toBeLessThan(6_000)
  const codes = Object.fromEntries(value!.map(part => [part.partition, part.errorCode]))
  expect(codes).toEqual({ 0: 0, 1: errorCodes.TOPIC_AUTHORIZATION_FAILED })
})

test('leaders: what does not exist is looked for until the deadline, and then named', async () => {
  await open()
  const asked = cluster!.atLeaders(listOffsets, [{ topic: 'nowhere', partition: 0, timestamp: latest }], {
    what: 'Cannot list offsets',
    timeoutMs: 5_000,
    args: own => ({ isReadCommitted: false, partitions: own }),
  })
  const { error, ms } = await timed(asked)
  expect(String(error)).toBe(
    'TransportError: Cannot list offsets, nowhere[0]: the topic or partition does not exist (UNKNOWN_TOPIC_OR_PARTITION). Create it, or correct the name.',
  )
  expect(ms).toBeGreaterThan(3_000)
  expect(ms).toBeLessThan(6_500)
})

test('coordinators: looked up once, waited for while there is none, looked up again when they have moved', async () => {
  const answers = [found(-1, errorCodes.COORDINATOR_NOT_AVAILABLE), found(-1, errorCodes.COORDINATOR_LOAD_IN_PROGRESS), found(2)]
  fake.on(findCoordinator, () => answers.shift() ?? found(3))
  const codes = [0, errorCodes.CONCURRENT_TRANSACTIONS, 0, errorCodes.NOT_COORDINATOR, 0]
  fake.on(heartbeat, () => ({ errorCode: codes.shift()! }))
  await open()
  for (let count = 0; count < 3; count++) {
    const { value } = await timed(cluster!.atCoordinator(group, heartbeat, { what, args: member, purpose: 'group:g' }))
    expect(value).toEqual({ errorCode: 0 })
  }
  expect(fake.count(findCoordinator)).toBe(4)
  expect(places('Heartbeat')).toEqual(['b2:9092', 'b2:9092', 'b2:9092', 'b2:9092', 'b3:9092'])
})

test('coordinators: one that dies is looked for again; answers for the caller are given in full', async () => {
  let at = 1
  fake.on(findCoordinator, () => found(at))
  fake.on(offsetCommit, ({ partitions }) => ({
    partitions: partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      errorCode: partition === 1 ? errorCodes.ILLEGAL_GENERATION : 0,
    })),
  }))
  await open()
  fake.remove(1)
  clock.after(2_000, () => (at = 2), 'background')
  const partitions = [0, 1].map(partition => ({ topic: 'orders', partition, offset: 5 }))
  const { value, ms } = await timed(cluster!.atCoordinator(group, offsetCommit, { what, args: { ...member, partitions } }))
  expect(value!.partitions.map(part => part.errorCode)).toEqual([0, 22])
  expect(ms).toBeGreaterThanOrEqual(2_000)
})

test('coordinators: a deadline ends the search, a refusal at once', async () => {
  fake.on(findCoordinator, () => found(-1, errorCodes.COORDINATOR_NOT_AVAILABLE))
  await open()
  const late = await timed(cluster!.atCoordinator(group, heartbeat, { what, args: member, timeoutMs: 4_000 }))
  expect(String(late.error)).toContain('Cannot find the coordinator of the group "g": there is no coordinator yet')
  expect(late.ms).toBeLessThanOrEqual(4_020)
  fake.on(findCoordinator, () => found(-1, errorCodes.GROUP_AUTHORIZATION_FAILED))
  const refused = await timed(cluster!.atCoordinator(group, heartbeat, { what, args: member }))
  expect(refused.error).toMatchObject({ retriable: false })
  expect(refused.ms).toBe(0)
})

test('the controller: asked again where it has moved to', async () => {
  fake.on(createTopics, (_args, place) => {
    fake.controllerId = 3
    return { topics: [{ name: 'orders', errorCode: place === 'b3:9092' ? 36 : errorCodes.NOT_CONTROLLER, errorMessage: '' }] }
  })
  await open()
  const { value } = await timed(cluster!.atController(createTopics, { topics: [], timeoutMs: 1 }, { what }))
  expect(value!.topics[0]!.errorCode).toBe(errorCodes.TOPIC_ALREADY_EXISTS)
  expect(places('CreateTopics')).toEqual(['b1:9092', 'b3:9092'])
})

test('any broker: the next one is asked as well when the first does not answer in a second', async () => {
  fake.on(findCoordinator, () => found(1))
  await open()
  const ask = (): ReturnType<typeof timed> => timed(cluster!.atAny(findCoordinator, { kind: 'group', keys: ['g'] }, { what }))
  for (const nodeId of [1, 2, 3]) await timed(cluster!.connection(nodeId, 'control').send(metadata, { topics: [] }, 1000))
  for (const place of ['b1:9092', 'b3:9092']) fake.frozen.add(place)
  const waits: number[] = []
  for (let count = 0; count < 6; count++) {
    const { value, ms } = await ask()
    expect(value).toEqual(found(1))
    waits.push(Math.round(ms / 1000))
  }
  expect(Math.max(...waits)).toBeGreaterThan(0)
  expect(Math.max(...waits)).toBeLessThanOrEqual(2)
})

test('closed: what waits for another try ends at once, and nothing is opened any more', async () => {
  fake.on(findCoordinator, () => found(-1, errorCodes.COORDINATOR_NOT_AVAILABLE))
  await open()
  const startedMs = clock.elapsed()
  const waiting = timed(cluster!.atCoordinator(group, heartbeat, { what, args: member }))
  // By then attempts are far apart.
  clock.after(5_000, () => cluster!.close(), 'background')
  expect((await waiting).error).toBeInstanceOf(ClosedError)
  expect(clock.elapsed() - startedMs).toBeLessThan(5_060)
  const opened = fake.opened
  expect((await timed(cluster!.atAny(metadata, { topics: null }, { what }))).error).toBeInstanceOf(ClosedError)
  expect((await timed(cluster!.refresh())).error).toBeInstanceOf(ClosedError)
  expect(fake.opened).toBe(opened)
})

test('closed: what is under way fails with ClosedError, also a refresh that has to wait', async () => {
  await open()
  for (let count = 0; count < 6; count++) await timed(cluster!.refresh())
  const resting = timed(cluster!.refresh())
  await clock.advance(20)
  cluster!.close()
  const { error, ms } = await resting
  expect(error).toBeInstanceOf(ClosedError)
  expect(ms).toBeLessThanOrEqual(60)
  await open()
  fake.on(metadata, () => new Promise(() => undefined))
  const refreshing = timed(cluster!.refresh())
  await clock.advance(1_000)
  cluster!.close()
  expect((await refreshing).error).toBeInstanceOf(ClosedError)
})

test('the level of a feature', async () => {
  fake.features.set('transaction.version', 2)
  await open()
  expect([cluster!.level('transaction.version'), cluster!.level('share.version')]).toEqual([2, 0])
})
