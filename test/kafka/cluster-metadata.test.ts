import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster as TestCluster } from '../../scripts/kafka/cluster.js'
import { TransportError } from '../../src/errors.js'
import type { Cluster } from '../../src/kafka/cluster/cluster.js'
import { errorCodes } from '../../src/kafka/wire/error-codes.js'
import { metadata } from '../../src/kafka/wire/cluster-apis.js'
import { heartbeat } from '../../src/kafka/wire/group.js'
import { latest, listOffsets } from '../../src/kafka/wire/offsets.js'
import { produce } from '../../src/kafka/wire/produce.js'
import { createPartitions, deleteTopics } from '../../src/kafka/wire/topics.js'
import { startCluster } from './cluster.js'
import { openCluster } from './driver.js'
import { oneRecord } from './one-record.js'
import { coordinatorOf, createTopic, eventually, leaderOf, moveCoordinator, moveLeader } from './steering.js'

const what = 'Cannot do it'
let kafka: TestCluster
let bootstrap: string
beforeAll(async () => {
  kafka = await startCluster({ nodes: 3 })
  bootstrap = kafka.bootstrap()
})
afterAll(() => kafka.close())

/** The end of each partition, found by asking whoever leads it. */
async function ends(cluster: Cluster, topic: string, partitions: number): Promise<readonly number[]> {
  const parts = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, timestamp: latest }))
  const answers = await cluster.atLeaders(listOffsets, parts, {
    what: `Cannot list the offsets of "${topic}"`,
    requestTimeoutMs: 2_000,
    args: own => ({ isReadCommitted: false, partitions: own }),
  })
  expect(answers.map(part => part.errorCode)).toEqual(parts.map(() => 0))
  return answers.toSorted((a, b) => a.partition - b.partition).map(part => part.offset)
}

async function append(cluster: Cluster, topic: string, partition: number): Promise<number> {
  const batch = oneRecord('one')
  const [part] = await cluster.atLeaders(produce, [{ topic, partition }], {
    what: `Cannot append to "${topic}"`,
    purpose: 'produce',
    args: own => ({ transactionalId: null, timeoutMs: 5_000, partitions: own.map(at => ({ ...at, batch })) }),
  })
  return part!.errorCode
}

const seconds = (sinceMs: number): number => (performance.now() - sinceMs) / 1000

test('the first address is dead: the others name every broker, and each leader is asked for its own', async () => {
  await createTopic(bootstrap, { name: 'spread', partitions: 6 })
  const cluster = await openCluster(`127.0.0.1:1,${kafka.address(2)}`)
  expect([...cluster.brokers.keys()].toSorted((a, b) => a - b)).toEqual([1, 2, 3])
  for (let partition = 0; partition < 6; partition++) expect(await append(cluster, 'spread', partition)).toBe(0)
  expect(await ends(cluster, 'spread', 6)).toEqual([1, 1, 1, 1, 1, 1])
  expect(cluster.topic('spread')!.partitions.map(part => part.replicas.length)).toEqual([3, 3, 3, 3, 3, 3])
})

test('a leader moves: the old one refuses, the new one is found', async () => {
  await createTopic(bootstrap, { name: 'moving' })
  const cluster = await openCluster(bootstrap)
  let stored = 0
  for (const node of [1, 2, 3, 1]) {
    await moveLeader(bootstrap, { topic: 'moving', partition: 0 }, node)
    expect(await append(cluster, 'moving', 0)).toBe(0)
    const [end = 0] = await ends(cluster, 'moving', 1)
    // At least once: the old leader may have stored what it refused while it was losing its place.
    expect(end).toBeGreaterThan(stored)
    stored = end
    expect(cluster.leader({ topic: 'moving', partition: 0 })!.nodeId).toBe(node)
  }
})

test('a leader is killed: what was under way settles at once, and its successor answers', async () => {
  await createTopic(bootstrap, { name: 'killed', partitions: 3 })
  const cluster = await openCluster(bootstrap)
  expect(await ends(cluster, 'killed', 3)).toEqual([0, 0, 0])
  const victim = cluster.leader({ topic: 'killed', partition: 0 })!.nodeId
  const connection = cluster.connection(victim, 'produce')
  kafka.broker(victim).freeze()
  const open = Array.from({ length: 40 }, () => connection.send(metadata, { topics: null }, 30_000))
  const settled = Promise.allSettled(open)
  const started = performance.now()
  await kafka.kill(victim)
  for (const outcome of await settled) expect(outcome).toMatchObject({ status: 'rejected', reason: { retriable: true } })
  expect(seconds(started)).toBeLessThan(15)
  expect(await append(cluster, 'killed', 0)).toBe(0)
  expect((await ends(cluster, 'killed', 3))[0]).toBe(1)
  console.log(`a successor has answered ${seconds(started).toFixed(1)} s after SIGKILL`)
  await kafka.start(victim)
  await eventually('the broker in the metadata', async () => {
    await cluster.refresh()
    return cluster.brokers.size === 3
  })
  expect((await cluster.connection(victim, 'control').send(metadata, { topics: [] }, 5_000)).brokers).toHaveLength(3)
})

test('the coordinator moves, and is killed: the next one is found', async () => {
  const cluster = await openCluster(bootstrap)
  const of = { kind: 'group', key: 'moving-group' } as const
  const nobody = { groupId: of.key, generation: 1, memberId: 'nobody', instanceId: null }
  const asking = { what, purpose: 'group:moving', requestTimeoutMs: 2_000, args: nobody } as const
  const beat = async (): Promise<number> => {
    for (;;) {
      const { errorCode } = await cluster.atCoordinator(of, heartbeat, asking)
      // A coordinator that still loads its groups says so to everybody.
      if (errorCode !== 0) return errorCode
    }
  }
  for (const node of [1, 2, 3]) {
    await moveCoordinator(bootstrap, node, { name: of.key })
    expect(await beat()).toBe(errorCodes.UNKNOWN_MEMBER_ID)
  }
  const victim = await coordinatorOf(bootstrap, of.key)
  await kafka.kill(victim)
  const started = performance.now()
  expect(await beat()).toBe(errorCodes.UNKNOWN_MEMBER_ID)
  console.log(`another coordinator has answered ${seconds(started).toFixed(1)} s after SIGKILL`)
  await kafka.start(victim)
})

test('a broker that is frozen: requests end at their deadline, and it answers again once it thaws', async () => {
  const cluster = await openCluster(kafka.address(1))
  const connection = cluster.connection(1, 'control')
  await connection.send(metadata, { topics: [] }, 5_000)
  kafka.broker(1).freeze()
  try {
    const started = performance.now()
    const [first, second] = await Promise.allSettled([
      connection.send(metadata, { topics: [] }, 1_000),
      connection.send(metadata, { topics: [] }, 60_000),
    ])
    expect(seconds(started)).toBeGreaterThan(0.9)
    expect(seconds(started)).toBeLessThan(15)
    expect(first).toMatchObject({ reason: { retriable: true, message: expect.stringContaining('within 1000 ms') as string } })
    expect((second as PromiseRejectedResult).reason).toBeInstanceOf(TransportError)
    // Nor can a new connection be made.
    await expect(connection.send(metadata, { topics: [] }, 1_000)).rejects.toThrow('the request could not be sent')
  } finally {
    kafka.broker(1).thaw()
  }
  expect((await connection.send(metadata, { topics: [] }, 20_000)).brokers.length).toBeGreaterThan(0)
  await kafka.ready()
})

test('a broker is bounced: what is asked again and again is answered all the time', async () => {
  await createTopic(bootstrap, { name: 'bounced', partitions: 3 })
  const cluster = await openCluster(bootstrap)
  let isOver = false
  let slowestMs = 0
  let count = 0
  const asking = (async () => {
    for (; !isOver; count++) {
      const started = performance.now()
      expect(await append(cluster, 'bounced', count % 3)).toBe(0)
      slowestMs = Math.max(slowestMs, performance.now() - started)
    }
  })()
  await kafka.bounce(2)
  await eventually('copies in sync', async () => {
    await cluster.refresh()
    return cluster.topic('bounced')!.partitions.every(part => part.inSync.length === 3)
  })
  isOver = true
  await asking
  // At least once: what was stored, and whose answer was lost, is stored again.
  expect((await ends(cluster, 'bounced', 3)).reduce((sum, end) => sum + end, 0)).toBeGreaterThanOrEqual(count)
  console.log(`${count} appends during the bounce, the slowest took ${(slowestMs / 1000).toFixed(1)} s`)
})

test('partitions are added, a topic is deleted and created again: watchers hear of it', async () => {
  await createTopic(bootstrap, { name: 'growing', partitions: 2 })
  const cluster = await openCluster(bootstrap)
  const before = (await cluster.topics(['growing'])).get('growing')!
  let heard = 0
  cluster.watch(() => heard++)
  await cluster.atController(createPartitions, { topics: [{ name: 'growing', count: 4 }], timeoutMs: 5_000 }, { what })
  await eventually('four partitions', async () => {
    await cluster.refresh()
    return cluster.topic('growing')!.partitions.length === 4
  })
  expect(heard).toBeGreaterThan(0)
  const last = { topic: 'growing', partition: 3 }
  await eventually('a leader that both know', async () => {
    await cluster.refresh()
    return (await leaderOf(bootstrap, last)) === cluster.leader(last)?.nodeId
  })
  await cluster.atController(deleteTopics, { names: ['growing'], timeoutMs: 5_000 }, { what })
  await createTopic(bootstrap, { name: 'growing', partitions: 1 })
  await eventually('another topic of that name', async () => {
    await cluster.refresh()
    const now = cluster.topic('growing')!
    return now.errorCode === 0 && now.id !== before.id && now.partitions.length === 1
  })
})
