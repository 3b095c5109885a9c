import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import type { PartitionView } from '../../scripts/kafka/metadata.js'
import { startCluster } from './cluster.js'
import { createTopic, eventually, leaderOf, moveCoordinator, moveLeader, partitionsOf } from './steering.js'
import { Counting, expectCounted, Reading, send, store, Traffic } from './traffic.js'
import { Transactions, transactionVersions } from './transactions.js'

const kept = { 'retention.ms': '-1' }

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 })
})
afterAll(() => cluster.close())

test('leaders that move, are killed and frozen under load: everything is stored once, and delivered once, in order', async () => {
  const brokers = cluster.bootstrap()
  await createTopic(brokers, { name: 'moved', partitions: 3, replicas: 3, config: kept })
  const traffic = await Traffic.open(brokers)
  const reader = traffic.reader()
  const readings = [0, 1, 2].map(partition => new Reading(reader, { topic: 'moved', partition }))
  const counting = new Counting(await traffic.producer(), 'moved', 3)
  for (const node of [1, 2, 3, 1]) await moveLeader(brokers, { topic: 'moved', partition: 0 }, node)
  const leader = await leaderOf(brokers, { topic: 'moved', partition: 1 })
  await cluster.kill(leader)
  await sleep(4000)
  await cluster.start(leader)
  const other = (leader % 3) + 1
  cluster.freeze(other)
  await sleep(1500)
  cluster.thaw(other)
  await sleep(500)
  await counting.stop()
  await expectCounted(readings, counting)
  expect(traffic.errors).toEqual([])
  const later = (await Traffic.open(brokers)).reader()
  await expectCounted(
    [0, 1, 2].map(partition => new Reading(later, { topic: 'moved', partition })),
    counting,
  )
})

test('a leader that stays frozen is left as soon as the others have another one, and nothing is lost or doubled', async () => {
  const brokers = cluster.bootstrap()
  const at = { topic: 'frozen', partition: 0 }
  await createTopic(brokers, { name: 'frozen', replicas: 3, config: kept })
  const traffic = await Traffic.open(brokers)
  const reading = new Reading(traffic.reader(), at)
  const counting = new Counting(await traffic.producer(), 'frozen', 1)
  await reading.has(100)
  const leader = await leaderOf(brokers, at)
  cluster.freeze(leader)
  const frozenMs = performance.now()
  // What is on its way is delivered first.
  await sleep(1000)
  await reading.has(reading.values.length + 1)
  const stoppedMs = performance.now() - frozenMs
  cluster.thaw(leader)
  console.log(`messages come again ${(stoppedMs / 1000).toFixed(1)} s after SIGSTOP of their leader`)
  await sleep(500)
  await counting.stop()
  await expectCounted([reading], counting)
  expect(traffic.errors).toEqual([])
  expect(stoppedMs).toBeLessThan(20_000)
})

test('with too few replicas in sync messages wait, and are stored once there are enough', async () => {
  const brokers = cluster.bootstrap()
  await createTopic(brokers, { name: 'few', replicas: 3, config: { ...kept, 'min.insync.replicas': '3' } })
  const producer = await (await Traffic.open(brokers)).producer()
  const at = { topic: 'few', partition: 0 }
  await store(producer, at, ['0'])
  const other = [1, 2, 3].find(node => node !== 1) ?? 2
  const leader = await leaderOf(brokers, at)
  const follower = leader === other ? 3 : other
  await cluster.kill(follower)
  await sleep(4000)
  const batch = send(producer, at, '1')
  await sleep(2000)
  expect(batch.isSettled).toBe(false)
  await cluster.start(follower)
  await producer.flush()
  expect([batch.error, batch.baseOffset]).toEqual([null, 1])
})

test('a leader that has lost messages: reading goes on where the logs part, and the new messages are not skipped', async () => {
  const brokers = cluster.bootstrap()
  const at = { topic: 'parted', partition: 0 }
  const config = { ...kept, 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'true' }
  await createTopic(brokers, { name: 'parted', replicas: 2, config })
  const traffic = await Traffic.open(brokers)
  const reader = traffic.reader()
  const producer = await (await Traffic.open(brokers)).producer()
  const reading = new Reading(reader, at)
  await store(producer, at, ['both'])
  await reading.has(1)
  const leader = await leaderOf(brokers, at)
  const [{ replicas }] = (await partitionsOf(brokers, 'parted')) as [PartitionView]
  const follower = replicas.find(node => node !== leader) ?? 0
  await cluster.kill(follower)
  await sleep(4000)
  await store(producer, at, ['lost', 'lost', 'lost'])
  await reading.has(4)
  await cluster.kill(leader)
  await cluster.start(follower)
  await eventually('an unclean leader', async () => (await leaderOf(brokers, at)) === follower)
  await store(producer, at, ['new', 'newer', 'newest', 'more'])
  await eventually('what is new', () => Promise.resolve(reading.values.at(-1) === 'more'))
  expect(reading.values).toEqual(['both', 'lost', 'lost', 'lost', 'new', 'newer', 'newest', 'more'])
  await cluster.start(leader)
})

test.for(transactionVersions)(
  'coordinators that move and nodes that are killed: what was committed is seen once (version %i)',
  async version => {
    const brokers = cluster.bootstrap()
    const topic = `moving-transactions-${version}`
    await createTopic(brokers, { name: topic, partitions: 3, replicas: 3, config: kept })
    const traffic = await Traffic.open(brokers, { level: version })
    const transactions = new Transactions(await traffic.producer({ transactionalId: topic }), topic, 3)
    for (const node of [1, 2, 3]) await moveCoordinator(brokers, node, { name: topic, kind: 'transaction' })
    await transactions.goOn()
    for (const node of [3, 1]) {
      await cluster.kill(node)
      await transactions.goOn()
      await cluster.start(node)
      await transactions.goOn()
    }
    await transactions.stop()
    await transactions.expectSeen(brokers, topic)
  },
)
