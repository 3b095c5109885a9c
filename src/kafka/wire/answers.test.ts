import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Api } from './api.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { apiVersions, findCoordinator, metadata } from './cluster-apis.js'
import { alterConfigs, describeConfigs } from './configs.js'
import { decodeAssignment, decodeSubscription } from './consumer-protocol.js'
import { fetch } from './fetch.js'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from './group.js'
import { deleteGroups, describeGroups, listGroups } from './groups.js'
import { listOffsets, offsetCommit, offsetFetch } from './offsets.js'
import { produce } from './produce.js'
import { requiredApis } from './required.js'
import { createPartitions, createTopics, deleteRecords, deleteTopics } from './topics.js'
import * as transaction from './transaction.js'

// Answers of Apache Kafka 4.1.0, behind their headers, as they came off a socket.
const captured = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/kafka-answers.json', import.meta.url), 'utf8'),
) as Record<string, string>

const topic = 'cap47941'
const memberId = 'x-452d2f33-f50a-470a-8f8d-2e1219558725'

/** Reads a captured answer to its last byte. */
function read<Args, Answer>(api: Api<Args, Answer>, name: string = api.name): Answer {
  const from = new ByteReader(Buffer.from(captured[name]!, 'base64'))
  const answer = api.read(from)
  expect(from.remaining).toBe(0)
  return answer
}

test('versions: of everything that we need, and the level of features', () => {
  const { ranges, features } = read(apiVersions)
  expect(ranges.find(({ key }) => key === fetch.key)).toEqual({ key: 1, lowest: 4, highest: 18 })
  expect(features.get('transaction.version')).toBe(2)
  for (const api of requiredApis) expect(ranges.some(({ key }) => key === api.key)).toBe(true)
})

test('a broker that is too old for the question says so in the form of version 0', () => {
  const old = new ByteWriter().int16(35).int32(2).int16(18).int16(0).int16(2).int16(3).int16(0).int16(9).toBuffer()
  const answer = apiVersions.read(new ByteReader(old))
  expect(apiVersions.codes(answer)).toEqual([35])
  expect(answer.ranges).toEqual([
    { key: 18, lowest: 0, highest: 2 },
    { key: 3, lowest: 0, highest: 9 },
  ])
})

test('metadata in full, though one topic is unknown', () => {
  const answer = read(metadata)
  expect(answer).toMatchObject({ clusterId: 'F1arpPPDHXcJqK33TPu9kQ', controllerId: 1 })
  expect(answer.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: 19392, rack: null }])
  const partition = { errorCode: 0, leader: 1, leaderEpoch: 0, replicas: [1], inSync: [1], offline: [] }
  const partitions = [
    { ...partition, partition: 1 },
    { ...partition, partition: 0 },
  ]
  expect(answer.topics).toEqual([
    { errorCode: 0, name: topic, id: 'r042TeYXSlW_lOk3sBdw2Q', isInternal: false, partitions },
    { errorCode: 3, name: 'nowhere', id: 'AAAAAAAAAAAAAAAAAAAAAA', isInternal: false, partitions: [] },
  ])
  expect(metadata.codes(answer)).toEqual([0, 0, 0, 3])
})

test('coordinators', () => {
  const found = { nodeId: 1, host: '127.0.0.1', port: 19392, errorCode: 0, errorMessage: '' }
  expect(read(findCoordinator).coordinators).toEqual([{ ...found, key: `group-${topic}` }])
  expect(read(findCoordinator, 'FindCoordinator transaction').coordinators).toEqual([{ ...found, key: `txn-${topic}` }])
})

test('groups: an id to join under, the round, the assignment', () => {
  const first = read(joinGroup, 'JoinGroup first')
  expect(first).toMatchObject({ errorCode: 79, memberId, members: [] })
  expect(joinGroup.codes(first)).toEqual([79])
  const joined = read(joinGroup)
  expect(joined).toMatchObject({ errorCode: 0, generation: 1, protocol: 'faust', leaderId: memberId, skipsAssignment: false })
  expect(joined.members).toMatchObject([{ memberId, instanceId: null }])
  expect(decodeSubscription(joined.members[0]!.metadata)).toEqual({ topics: [topic], userData: Buffer.from('mine') })
  const partitions = [
    { topic, partition: 1 },
    { topic, partition: 0 },
  ]
  expect(decodeAssignment(read(syncGroup).assignment)).toEqual({ partitions, userData: Buffer.from('yours') })
  expect(read(heartbeat, 'Heartbeat stale')).toEqual({ errorCode: 22 })
  expect(leaveGroup.codes(read(leaveGroup))).toEqual([0, 0, 25])
})

test('offsets: what was committed, what never was, what a transaction holds', () => {
  expect(read(offsetCommit).partitions).toEqual([
    { topic, partition: 0, errorCode: 0 },
    { topic, partition: 1, errorCode: 0 },
  ])
  expect(offsetCommit.codes(read(offsetCommit, 'OffsetCommit stale'))).toEqual([25])
  expect(read(offsetFetch)).toEqual({
    errorCode: 0,
    partitions: [
      { topic, partition: 0, offset: 0, errorCode: 0 },
      { topic, partition: 1, offset: 2 ** 32 + 1, errorCode: 0 },
      { topic: 'nowhere', partition: 3, offset: -1, errorCode: 0 },
    ],
  })
  expect(offsetFetch.codes(read(offsetFetch, 'OffsetFetch unstable'))).toEqual([0, 88])
  expect(read(listOffsets).partitions).toEqual([
    { topic: 'nowhere', partition: 0, errorCode: 3, timestamp: -1, offset: -1, leaderEpoch: -1 },
    { topic, partition: 0, errorCode: 0, timestamp: -1, offset: 6, leaderEpoch: 0 },
    { topic, partition: 1, errorCode: 0, timestamp: -1, offset: 0, leaderEpoch: 0 },
  ])
})

test('producers and transactions', () => {
  expect(read(transaction.initProducerId, 'InitProducerId transaction')).toEqual({
    errorCode: 0,
    producerId: 1,
    producerEpoch: 0,
  })
  expect(transaction.addPartitionsToTransaction.codes(read(transaction.addPartitionsToTransaction))).toEqual([0, 0])
  expect(read(transaction.addOffsetsToTransaction)).toEqual({ errorCode: 0 })
  expect(read(transaction.commitAddedOffsets).partitions).toEqual([{ topic, partition: 0, errorCode: 0 }])
  expect(read(transaction.endTransaction)).toEqual({ errorCode: 0 })
  const ended = read(transaction.endTransactionWithNewEpoch, 'EndTxn v2')
  expect(ended).toEqual({ errorCode: 0, producerId: 2, producerEpoch: 1 })
})

test('produced batches, the refused one too', () => {
  expect(read(produce).partitions).toEqual([
    { topic, partition: 0, errorCode: 0, baseOffset: 0, logStartOffset: 0, errorMessage: null, recordErrors: [] },
    { topic: 'nowhere', partition: 0, errorCode: 3, baseOffset: -1, logStartOffset: -1, errorMessage: null, recordErrors: [] },
  ])
})

test('fetched batches and what was aborted, beside a partition asked for too much', () => {
  const answer = read(fetch)
  expect(fetch.codes(answer)).toEqual([0, 0, 1])
  const [first, second] = answer.topics[0]!.partitions
  expect(answer.topics[0]!.topicId).toBe('r042TeYXSlW_lOk3sBdw2Q')
  expect(first).toMatchObject({ partition: 0, highWatermark: 6, lastStableOffset: 6, logStartOffset: 0 })
  expect(first!.aborted).toEqual([{ producerId: 1, firstOffset: 2 }])
  // Two plain batches, one of each transaction, and their two markers of 78 bytes.
  expect(first!.records.readBigInt64BE(0)).toBe(0n)
  expect(first!.records.includes('kept')).toBe(true)
  expect(second).toEqual({
    partition: 1,
    errorCode: 1,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    aborted: null,
    records: Buffer.alloc(0),
    divergesAt: null,
  })
})

test('topics and their configuration', () => {
  const created = read(createTopics)
  expect(createTopics.codes(created)).toEqual([0, 17])
  expect(created.topics[1]).toMatchObject({ name: 'bad name', errorMessage: expect.stringContaining('Topic name is invalid') })
  expect(read(createPartitions).topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['nowhere', 3],
    [topic, 0],
  ])
  expect(deleteTopics.codes(read(deleteTopics))).toEqual([0, 3])
  expect(read(deleteRecords).partitions).toEqual([
    { topic: 'nowhere', partition: 0, lowWatermark: -1, errorCode: 3 },
    { topic, partition: 0, lowWatermark: 1, errorCode: 0 },
  ])
  const [known, unknown] = read(describeConfigs).topics
  expect(known!.configs).toEqual([
    { name: 'cleanup.policy', value: 'delete', isInherited: true },
    { name: 'retention.ms', value: '-1', isInherited: false },
  ])
  expect(unknown).toMatchObject({ topic: 'nowhere', errorCode: 3, configs: [] })
  expect(alterConfigs.codes(read(alterConfigs))).toEqual([0, 3])
})

test('groups as others see them', () => {
  const [group] = read(describeGroups).groups
  expect(group).toMatchObject({ groupId: `group-${topic}`, state: 'Stable', protocolType: 'consumer', protocol: 'faust' })
  expect(group!.members).toMatchObject([{ memberId, clientId: 'x', clientHost: '/127.0.0.1' }])
  expect(read(listGroups).groups).toEqual([
    { groupId: `group-${topic}`, protocolType: 'consumer', state: 'Stable', type: 'classic' },
  ])
  expect(deleteGroups.codes(read(deleteGroups))).toEqual([68, 69])
})
