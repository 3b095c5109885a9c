import { expect, inject, test } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster/cluster.js'
import { errorCodes } from '../../src/kafka/wire/error-codes.js'
import { findCoordinator, metadata } from '../../src/kafka/wire/cluster-apis.js'
import { alterConfigs, describeConfigs } from '../../src/kafka/wire/configs.js'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../src/kafka/wire/consumer-protocol.js'
import { fetch, type FetchedPartition } from '../../src/kafka/wire/fetch.js'
import { heartbeat, joinGroup, leaveGroup, syncGroup, type MemberIdentity } from '../../src/kafka/wire/group.js'
import { deleteGroups, describeGroups, listGroups } from '../../src/kafka/wire/groups.js'
import { earliest, latest, listOffsets, offsetCommit, offsetFetch } from '../../src/kafka/wire/offsets.js'
import { produce, produceInTransaction } from '../../src/kafka/wire/produce.js'
import { createPartitions, createTopics, deleteRecords, deleteTopics } from '../../src/kafka/wire/topics.js'
import * as transaction from '../../src/kafka/wire/transaction.js'
import { openCluster } from './driver.js'
import { consumeLines } from './java-tools.js'
import { oneRecord } from './one-record.js'
import { createTopic, eventually } from './steering.js'
import { transactionVersions } from './transactions.js'

const what = 'Cannot do it'
const bootstrap = inject('kafka')
const at = (topic: string, partition = 0): { topic: string; partition: number } => ({ topic, partition })

async function newTopic(name: string, partitions = 1): Promise<Cluster> {
  await createTopic(bootstrap, { name, partitions, config: { 'retention.ms': '-1' } })
  return await openCluster(bootstrap)
}

/** One fetch from one partition's leader. */
async function fetchFrom(cluster: Cluster, topic: string, offset: number, topicId?: string): Promise<FetchedPartition> {
  const id = topicId ?? (await cluster.topics([topic])).get(topic)!.id
  const leader = cluster.leader(at(topic))!
  const partitions = [{ partition: 0, offset, leaderEpoch: leader.epoch, maxBytes: 1 << 24 }]
  const args = { maxWaitMs: 200, minBytes: 1, maxBytes: 1 << 24, isReadCommitted: true, topics: [{ topicId: id, partitions }] }
  const answer = await cluster.connection(leader.nodeId, 'fetch').send(fetch, args, 10_000)
  expect([answer.errorCode, answer.topics.length]).toEqual([0, 1])
  return answer.topics[0]!.partitions[0]!
}

test('topics: made, refused, described, changed, enlarged, emptied, removed', async () => {
  const cluster = await openCluster(bootstrap)
  const wanted = { name: 'wire-topics', partitions: 2, replicas: 1, configs: [{ name: 'retention.ms', value: '-1' }] }
  const create = (): Promise<readonly number[]> =>
    cluster
      .atController(createTopics, { topics: [wanted, { ...wanted, name: 'a name' }], timeoutMs: 5_000 }, { what })
      .then(({ topics }) => topics.map(topic => topic.errorCode))
  expect(await create()).toEqual([0, errorCodes.INVALID_TOPIC_EXCEPTION])
  expect(await create()).toEqual([errorCodes.TOPIC_ALREADY_EXISTS, errorCodes.INVALID_TOPIC_EXCEPTION])

  const changes = { topics: [{ topic: 'wire-topics', configs: [{ name: 'cleanup.policy', value: 'compact,delete' }] }] }
  expect((await cluster.atAny(alterConfigs, changes, { what })).topics).toMatchObject([{ errorCode: 0 }])
  const names = ['cleanup.policy', 'retention.ms', 'max.message.bytes']
  let configs: Record<string, unknown> = {}
  await eventually('the new policy', async () => {
    const described = await cluster.atAny(describeConfigs, { topics: ['wire-topics'], names }, { what })
    const found = described.topics[0]!.configs
    configs = Object.fromEntries(found.map(({ name, value, isInherited }) => [name, [value, isInherited]]))
    return found.some(({ name, isInherited }) => name === 'cleanup.policy' && !isInherited)
  })
  expect(configs).toEqual({
    'cleanup.policy': ['compact,delete', false],
    'retention.ms': ['-1', false],
    'max.message.bytes': ['1048588', true],
  })

  const more = await cluster.atController(
    createPartitions,
    { topics: [{ name: 'wire-topics', count: 3 }], timeoutMs: 5_000 },
    { what },
  )
  expect(more.topics).toMatchObject([{ errorCode: 0 }])
  await eventually('a third partition', async () => {
    await cluster.refresh()
    return (await cluster.topics(['wire-topics'])).get('wire-topics')!.partitions.length === 3
  })
  const batch = oneRecord('gone')
  const produced = await cluster.atLeaders(produce, [at('wire-topics', 2)], {
    what,
    args: own => ({ transactionalId: null, timeoutMs: 5_000, partitions: own.map(part => ({ ...part, batch })) }),
  })
  // A compacted topic takes no message without a key.
  expect(produced).toMatchObject([{ errorCode: errorCodes.INVALID_RECORD, baseOffset: -1 }])
  const dropped = await cluster.atLeaders(deleteRecords, [{ ...at('wire-topics', 2), offset: 0 }], {
    what,
    args: partitions => ({ partitions, timeoutMs: 5_000 }),
  })
  expect(dropped).toEqual([{ ...at('wire-topics', 2), lowWatermark: 0, errorCode: 0 }])
  const removed = await cluster.atController(deleteTopics, { names: ['wire-topics', 'nowhere'], timeoutMs: 5_000 }, { what })
  const codes = Object.fromEntries(removed.topics.map(topic => [topic.name, topic.errorCode]))
  expect(codes).toEqual({ 'wire-topics': 0, nowhere: errorCodes.UNKNOWN_TOPIC_OR_PARTITION })
})

test('batches go in and come out byte for byte, in the order they were sent; offsets by time', async () => {
  const cluster = await newTopic('wire-batches')
  const { errorCode, ...producer } = await cluster.atAny(
    transaction.initProducerId,
    { transactionalId: null, transactionTimeoutMs: 0 },
    { what },
  )
  expect(errorCode).toBe(0)
  await cluster.topics(['wire-batches'])
  const connection = cluster.connection(cluster.leader(at('wire-batches'))!.nodeId, 'produce')
  const batches = Array.from({ length: 20 }, (_, sequence) => oneRecord(`number ${sequence}`, { ...producer, sequence }))
  const answers = await Promise.all(
    batches.map(batch =>
      connection.send(
        produce,
        { transactionalId: null, timeoutMs: 5_000, partitions: [{ ...at('wire-batches'), batch }] },
        10_000,
      ),
    ),
  )
  expect(answers.map(({ partitions: [part] }) => [part!.errorCode, part!.baseOffset])).toEqual(
    batches.map((_, offset) => [0, offset]),
  )
  expect(await consumeLines(bootstrap, 'wire-batches', { count: 20 })).toEqual(batches.map((_, number) => `number ${number}`))

  const fetched = await fetchFrom(cluster, 'wire-batches', 0)
  expect(fetched).toMatchObject({ errorCode: 0, highWatermark: 20, lastStableOffset: 20, logStartOffset: 0, aborted: null })
  const stored = batches.map((batch, offset) => {
    const copy = Buffer.from(batch)
    copy.writeBigInt64BE(BigInt(offset), 0)
    // Under which leader it was stored is the broker's to say.
    copy.writeInt32BE(0, 12)
    return copy
  })
  expect(fetched.records.equals(Buffer.concat(stored))).toBe(true)

  const damaged = oneRecord('damaged', { ...producer, sequence: 20 })
  damaged[damaged.length - 2]! ^= 1
  const args = { transactionalId: null, timeoutMs: 5_000, partitions: [{ ...at('wire-batches'), batch: damaged }] }
  expect((await connection.send(produce, args, 10_000)).partitions[0]!.errorCode).toBe(errorCodes.CORRUPT_MESSAGE)

  const times = [earliest, latest, Date.now() - 3_600_000, Date.now() + 3_600_000]
  const offsets = await Promise.all(
    times.map(timestamp =>
      cluster.atLeaders(listOffsets, [{ ...at('wire-batches'), timestamp }], {
        what,
        args: partitions => ({ isReadCommitted: true, partitions }),
      }),
    ),
  )
  expect(offsets.map(([part]) => part!.offset)).toEqual([0, 20, 0, -1])
  expect(await fetchFrom(cluster, 'wire-batches', 99)).toMatchObject({ errorCode: errorCodes.OFFSET_OUT_OF_RANGE })
})

test('an answer of many megabytes, in any number of pieces, is read whole', async () => {
  const cluster = await newTopic('wire-large')
  await cluster.topics(['wire-large'])
  const connection = cluster.connection(1, 'produce')
  const batches = Array.from({ length: 12 }, (_, number) => oneRecord(`${number} `.repeat(300_000)))
  for (const batch of batches) {
    const partitions = [{ ...at('wire-large'), batch }]
    const answer = await connection.send(produce, { transactionalId: null, timeoutMs: 5_000, partitions }, 10_000)
    expect(produce.codes(answer)).toEqual([0])
  }
  const { records } = await fetchFrom(cluster, 'wire-large', 0)
  expect(records.length).toBe(batches.reduce((length, batch) => length + batch.length, 0))
  let start = 0
  for (const batch of batches) {
    // Behind the fields that the broker writes.
    expect(records.subarray(start + 16, start + batch.length).equals(batch.subarray(16))).toBe(true)
    start += batch.length
  }
})

test('a topic that was deleted and created again is not read on under its old identity', async () => {
  const cluster = await newTopic('wire-again')
  const before = (await cluster.topics(['wire-again'])).get('wire-again')!.id
  await cluster.atController(deleteTopics, { names: ['wire-again'], timeoutMs: 5_000 }, { what })
  await createTopic(bootstrap, { name: 'wire-again' })
  await eventually('another identity', async () => {
    await cluster.refresh()
    return cluster.topic('wire-again')!.errorCode === 0 && cluster.topic('wire-again')!.id !== before
  })
  expect(await fetchFrom(cluster, 'wire-again', 0, before)).toMatchObject({ errorCode: errorCodes.UNKNOWN_TOPIC_ID })
  expect(await fetchFrom(cluster, 'wire-again', 0)).toMatchObject({ errorCode: 0, highWatermark: 0 })
})

test('a group: joined, synced, beating, committed, described, left, removed', async () => {
  const cluster = await newTopic('wire-group', 2)
  const [groupId, purpose] = ['wire-group', 'group:wire-group'] as const
  const of = { kind: 'group', key: groupId } as const
  const metadataBytes = encodeSubscription({ topics: ['wire-group'], userData: Buffer.from('mine') })
  const join = (memberId: string): Parameters<typeof joinGroup.write>[1] => ({
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 5_000,
    memberId,
    instanceId: null,
    protocols: [{ name: 'faust', metadata: metadataBytes }],
    reason: null,
  })
  const first = await cluster.atCoordinator(of, joinGroup, { what, purpose, args: join('') })
  expect(first.errorCode).toBe(errorCodes.MEMBER_ID_REQUIRED)
  const joined = await cluster.atCoordinator(of, joinGroup, { what, purpose, args: join(first.memberId) })
  expect(joined).toMatchObject({ errorCode: 0, generation: 1, protocol: 'faust', leaderId: first.memberId })
  expect(decodeSubscription(joined.members[0]!.metadata).userData.toString()).toBe('mine')
  const identity: MemberIdentity = { groupId, generation: 1, memberId: first.memberId, instanceId: null }
  const assignment = encodeAssignment({ partitions: [at('wire-group', 1)], userData: Buffer.from('yours') })
  const assignments = [{ memberId: first.memberId, assignment }]
  const synced = await cluster.atCoordinator(of, syncGroup, {
    what,
    purpose,
    args: { ...identity, protocol: 'faust', assignments },
  })
  expect(decodeAssignment(synced.assignment)).toEqual({ partitions: [at('wire-group', 1)], userData: Buffer.from('yours') })
  expect(await cluster.atCoordinator(of, heartbeat, { what, purpose, args: identity })).toEqual({ errorCode: 0 })
  const stale = { ...identity, generation: 7 }
  expect(await cluster.atCoordinator(of, heartbeat, { what, purpose, args: stale })).toEqual({
    errorCode: errorCodes.ILLEGAL_GENERATION,
  })

  const partitions = [{ ...at('wire-group', 1), offset: 2 ** 40 }]
  const commit = (who: MemberIdentity): Promise<number> =>
    cluster
      .atCoordinator(of, offsetCommit, { what, purpose, args: { ...who, partitions } })
      .then(answer => answer.partitions[0]!.errorCode)
  expect(await commit(identity)).toBe(0)
  expect(await commit(stale)).toBe(errorCodes.ILLEGAL_GENERATION)
  expect(await commit({ ...identity, memberId: 'stranger' })).toBe(errorCodes.UNKNOWN_MEMBER_ID)
  const both = { groupId, partitions: [at('wire-group'), at('wire-group', 1)], requiresStable: true }
  const committed = await cluster.atCoordinator(of, offsetFetch, { what, args: both })
  expect(committed.partitions.map(part => part.offset)).toEqual([-1, 2 ** 40])
  const all = await cluster.atCoordinator(of, offsetFetch, { what, args: { ...both, partitions: null, requiresStable: false } })
  expect(all.partitions).toEqual([{ ...at('wire-group', 1), offset: 2 ** 40, errorCode: 0 }])

  const described = await cluster.atCoordinator(of, describeGroups, { what, args: { groupIds: [groupId] } })
  expect(described.groups).toMatchObject([
    { groupId, state: 'Stable', protocol: 'faust', members: [{ memberId: first.memberId, clientId: 'faust-test' }] },
  ])
  expect((await cluster.connection(1, 'control').send(listGroups, null, 5_000)).groups).toContainEqual({
    groupId,
    protocolType: 'consumer',
    state: 'Stable',
    type: 'classic',
  })
  const remove = (): Promise<number> =>
    cluster.atCoordinator(of, deleteGroups, { what, args: { groupIds: [groupId] } }).then(answer => answer.groups[0]!.errorCode)
  expect(await remove()).toBe(errorCodes.NON_EMPTY_GROUP)
  const members = [{ memberId: first.memberId, instanceId: null }]
  const left = await cluster.atCoordinator(of, leaveGroup, {
    what,
    purpose,
    args: { groupId, members, reason: 'the test is over' },
  })
  expect(leaveGroup.codes(left)).toEqual([0, 0])
  expect(await remove()).toBe(0)
})

test('transactions of version 1: an aborted one is in the fetch, its offsets are not committed', async () => {
  const cluster = await newTopic('wire-v1')
  const transactionalId = 'wire-v1'
  const of = { kind: 'transaction', key: transactionalId } as const
  const group = { kind: 'group', key: 'wire-v1-group' } as const
  const { errorCode, ...producer } = await cluster.atCoordinator(of, transaction.initProducerId, {
    what,
    args: { transactionalId, transactionTimeoutMs: 10_000 },
  })
  expect(errorCode).toBe(0)
  const owner = { transactionalId, ...producer }
  const add = { what, args: { ...owner, partitions: [at('wire-v1')] } }
  expect((await cluster.atCoordinator(of, transaction.addPartitionsToTransaction, add)).partitions).toEqual([
    { ...at('wire-v1'), errorCode: 0 },
  ])
  const batch = oneRecord('aborted', { ...producer, sequence: 0, isTransactional: true })
  const produced = await cluster.atLeaders(produce, [at('wire-v1')], {
    what,
    args: own => ({ transactionalId, timeoutMs: 5_000, partitions: own.map(part => ({ ...part, batch })) }),
  })
  expect(produced).toMatchObject([{ errorCode: 0, baseOffset: 0 }])
  expect(await fetchFrom(cluster, 'wire-v1', 0)).toMatchObject({ highWatermark: 1, lastStableOffset: 0 })
  await cluster.atCoordinator(of, transaction.addOffsetsToTransaction, { what, args: { ...owner, groupId: group.key } })
  const nobody = { groupId: group.key, generation: -1, memberId: '', instanceId: null }
  const offsets = { ...owner, ...nobody, partitions: [{ ...at('wire-v1'), offset: 7 }] }
  expect((await cluster.atCoordinator(group, transaction.commitAddedOffsets, { what, args: offsets })).partitions).toMatchObject([
    { errorCode: 0 },
  ])
  const wanted = { groupId: group.key, partitions: [at('wire-v1')], requiresStable: true }
  const held = cluster.atCoordinator(group, offsetFetch, { what, timeoutMs: 800, args: wanted })
  await expect(held).rejects.toThrow('a transaction holds the offsets (UNSTABLE_OFFSET_COMMIT)')
  expect(await cluster.atCoordinator(of, transaction.endTransaction, { what, args: { ...owner, isCommitted: false } })).toEqual({
    errorCode: 0,
  })
  const { partitions } = await cluster.atCoordinator(group, offsetFetch, { what, args: wanted })
  expect(partitions).toMatchObject([{ offset: -1, errorCode: 0 }])
  await eventually('the marker', async () => (await fetchFrom(cluster, 'wire-v1', 0)).lastStableOffset === 2)
  expect((await fetchFrom(cluster, 'wire-v1', 0)).aborted).toEqual([{ producerId: producer.producerId, firstOffset: 0 }])
})

const withVersion2 = test.runIf(transactionVersions.includes(2))

withVersion2('transactions of version 2: partitions and groups add themselves, each end gives a new epoch', async () => {
  const cluster = await newTopic('wire-v2')
  expect(cluster.level('transaction.version')).toBe(2)
  const transactionalId = 'wire-v2'
  const of = { kind: 'transaction', key: transactionalId } as const
  const group = { kind: 'group', key: 'wire-v2-group' } as const
  const init = { what, args: { transactionalId, transactionTimeoutMs: 10_000 } }
  const { producerId, producerEpoch } = await cluster.atCoordinator(of, transaction.initProducerId, init)
  const produceAs = async (epoch: number): Promise<number> => {
    const batch = oneRecord('kept', { producerId, producerEpoch: epoch, sequence: 0, isTransactional: true })
    const answer = await cluster.atLeaders(produceInTransaction, [at('wire-v2')], {
      what,
      args: own => ({ transactionalId, timeoutMs: 5_000, partitions: own.map(part => ({ ...part, batch })) }),
    })
    return answer[0]!.errorCode
  }
  expect(await produceAs(producerEpoch)).toBe(0)
  const owner = { transactionalId, producerId, producerEpoch }
  const nobody = { groupId: group.key, generation: -1, memberId: '', instanceId: null }
  const offsets = { ...owner, ...nobody, partitions: [{ ...at('wire-v2'), offset: 1 }] }
  const committed = await cluster.atCoordinator(group, transaction.commitOffsetsInTransaction, { what, args: offsets })
  expect(committed.partitions).toMatchObject([{ errorCode: 0 }])
  const end = { what, args: { ...owner, isCommitted: true } }
  const ended = await cluster.atCoordinator(of, transaction.endTransactionWithNewEpoch, end)
  expect(ended).toEqual({ errorCode: 0, producerId, producerEpoch: producerEpoch + 1 })
  // Asking again is safe: the answer is the same.
  expect(await cluster.atCoordinator(of, transaction.endTransactionWithNewEpoch, end)).toEqual(ended)
  expect(await produceAs(producerEpoch)).toBe(errorCodes.INVALID_PRODUCER_EPOCH)
  expect(await produceAs(ended.producerEpoch)).toBe(0)
  await cluster.atCoordinator(of, transaction.initProducerId, init)
  const late = { what, args: { ...owner, producerEpoch: ended.producerEpoch, isCommitted: true } }
  expect(await cluster.atCoordinator(of, transaction.endTransactionWithNewEpoch, late)).toMatchObject({
    errorCode: errorCodes.PRODUCER_FENCED,
  })
})

test('metadata in full though one topic is unknown; coordinators of several keys at once', async () => {
  const cluster = await newTopic('wire-metadata', 5)
  const known = await cluster.atAny(metadata, { topics: [{ name: 'wire-metadata' }, { name: 'nowhere' }] }, { what })
  expect(known.topics.map(topic => [topic.name, topic.errorCode, topic.partitions.length])).toEqual([
    ['wire-metadata', 0, 5],
    ['nowhere', errorCodes.UNKNOWN_TOPIC_OR_PARTITION, 0],
  ])
  const byId = await cluster.atAny(metadata, { topics: [{ id: known.topics[0]!.id }] }, { what })
  expect(byId.topics).toMatchObject([{ name: 'wire-metadata', errorCode: 0 }])
  const all = await cluster.atAny(metadata, { topics: null }, { what })
  expect(all.topics.map(topic => topic.name)).toContain('wire-metadata')
  const { coordinators } = await cluster.atAny(findCoordinator, { kind: 'group', keys: ['one', 'two'] }, { what })
  expect(coordinators.map(found => [found.key, found.nodeId])).toEqual([
    ['one', 1],
    ['two', 1],
  ])
})

test('a long fetch holds up nobody whose purpose is another', async () => {
  const cluster = await newTopic('wire-purposes')
  const { id } = (await cluster.topics(['wire-purposes'])).get('wire-purposes')!
  const partitions = [{ partition: 0, offset: 0, leaderEpoch: -1, maxBytes: 1000 }]
  const args = { maxWaitMs: 1_500, minBytes: 1, maxBytes: 1000, isReadCommitted: false, topics: [{ topicId: id, partitions }] }
  const ended: string[] = []
  const fetched = cluster
    .connection(1, 'fetch')
    .send(fetch, args, 10_000)
    .finally(() => ended.push('fetch'))
  await cluster.connection(1, 'control').send(metadata, { topics: [] }, 5_000)
  ended.push('control')
  expect((await fetched).topics[0]!.partitions[0]!.records.length).toBe(0)
  expect(ended).toEqual(['control', 'fetch'])
})
