import type * as library from '@platformatic/kafka'
import { beforeAll, expect, test } from 'vitest'
import { provideWithResolvers } from '../../lib/with-resolvers.js'
import type { Api } from './api.js'
import { ByteWriter } from './byte-writer.js'
import { apiVersions, findCoordinator, metadata } from './cluster-apis.js'
import { alterConfigs, describeConfigs } from './configs.js'
import { fetch } from './fetch.js'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from './group.js'
import { deleteGroups, describeGroups, listGroups } from './groups.js'
import { listOffsets, offsetCommit, offsetFetch } from './offsets.js'
import { createPartitions, createTopics, deleteRecords, deleteTopics } from './topics.js'
import * as transaction from './transaction.js'

// Every request, byte for byte as the library builds it: written independently, from the same protocol.
let oracle: typeof library
beforeAll(async () => {
  provideWithResolvers()
  oracle = await import('@platformatic/kafka')
})

function bytesOf<Args, Answer>(api: Api<Args, Answer>, args: NoInfer<Args>): string {
  const to = new ByteWriter()
  api.write(to, args)
  return to.toBuffer().toString('hex')
}

const hex = (writer: library.Writer): string => writer.buffer.toString('hex')

const uuid = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
const topicId = Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64url')
const member = { groupId: 'group', generation: 7, memberId: 'member', instanceId: 'instance' }
const producer = { transactionalId: 'txn', producerId: 2 ** 40 + 1, producerEpoch: 3 }
const offsets = [
  { topic: 'one', partition: 0, offset: 5 },
  { topic: 'two', partition: 1, offset: 2 ** 33 },
  { topic: 'one', partition: 2, offset: 6 },
]
const committed = (offset: number, partitionIndex: number): object => ({
  partitionIndex,
  committedOffset: BigInt(offset),
  committedLeaderEpoch: -1,
  committedMetadata: '',
})
const committedTopics = [
  { name: 'one', partitions: [committed(5, 0), committed(6, 2)] },
  { name: 'two', partitions: [committed(2 ** 33, 1)] },
] as never

test('of the cluster', () => {
  expect(bytesOf(apiVersions, null)).toBe(hex(oracle.apiVersionsV4.createRequest('faust-ts', '1')))
  expect(bytesOf(metadata, { topics: null })).toBe(hex(oracle.metadataV12.createRequest(null as never, false)))
  expect(bytesOf(metadata, { topics: [{ name: 'one' }, { id: topicId }] })).toBe(
    hex(oracle.metadataV12.createRequest(['one', { topicId: uuid }] as never, false)),
  )
  expect(bytesOf(findCoordinator, { kind: 'transaction', keys: ['a', 'b'] })).toBe(
    hex(oracle.findCoordinatorV6.createRequest(1, ['a', 'b'])),
  )
})

test('of group members', () => {
  const metadataBytes = Buffer.from('metadata')
  expect(
    bytesOf(joinGroup, {
      groupId: 'group',
      sessionTimeoutMs: 1,
      rebalanceTimeoutMs: 2,
      memberId: '',
      instanceId: null,
      protocols: [{ name: 'faust', metadata: metadataBytes }],
      reason: 'why',
    }),
  ).toBe(
    hex(
      oracle.joinGroupV9.createRequest('group', 1, 2, '', null, 'consumer', [{ name: 'faust', metadata: metadataBytes }], 'why'),
    ),
  )
  const assignment = Buffer.from('assignment')
  expect(bytesOf(syncGroup, { ...member, protocol: 'faust', assignments: [{ memberId: 'member', assignment }] })).toBe(
    hex(
      oracle.syncGroupV5.createRequest('group', 7, 'member', 'instance', 'consumer', 'faust', [
        { memberId: 'member', assignment },
      ]),
    ),
  )
  expect(bytesOf(heartbeat, member)).toBe(hex(oracle.heartbeatV4.createRequest('group', 7, 'member', 'instance')))
  expect(bytesOf(leaveGroup, { groupId: 'group', members: [{ memberId: '', instanceId: 'instance' }], reason: null })).toBe(
    hex(oracle.leaveGroupV5.createRequest('group', [{ memberId: '', groupInstanceId: 'instance', reason: null }])),
  )
})

test('of offsets: a topic is named once, whatever the order of its partitions', () => {
  expect(bytesOf(offsetCommit, { ...member, partitions: offsets })).toBe(
    hex(oracle.offsetCommitV9.createRequest('group', 7, 'member', 'instance', committedTopics)),
  )
  const wanted = { groupId: 'group', memberId: null, memberEpoch: -1 }
  const topics = [
    { name: 'one', partitionIndexes: [0, 2] },
    { name: 'two', partitionIndexes: [1] },
  ]
  expect(bytesOf(offsetFetch, { groupId: 'group', partitions: offsets, requiresStable: true })).toBe(
    hex(oracle.offsetFetchV9.createRequest([{ ...wanted, topics }], true)),
  )
  expect(bytesOf(offsetFetch, { groupId: 'group', partitions: null, requiresStable: false })).toBe(
    hex(oracle.offsetFetchV9.createRequest([{ ...wanted, topics: null as never }], false)),
  )
  const partition = { partitionIndex: 4, currentLeaderEpoch: -1, timestamp: -2n }
  expect(bytesOf(listOffsets, { isReadCommitted: true, partitions: [{ topic: 'one', partition: 4, timestamp: -2 }] })).toBe(
    hex(oracle.listOffsetsV9.createRequest(-1, 1, [{ name: 'one', partitions: [partition] }])),
  )
})

test('of transactions', () => {
  const { producerId, producerEpoch } = producer
  const pid = BigInt(producerId)
  expect(bytesOf(transaction.initProducerId, { transactionalId: null, transactionTimeoutMs: 9 })).toBe(
    hex(oracle.initProducerIdV5.createRequest(null, 9, -1n, -1)),
  )
  const topics = [
    { name: 'one', partitions: [0, 2] },
    { name: 'two', partitions: [1] },
  ]
  expect(bytesOf(transaction.addPartitionsToTransaction, { ...producer, partitions: offsets })).toBe(
    hex(
      oracle.addPartitionsToTxnV3.createRequest([
        { transactionalId: 'txn', producerId: pid, producerEpoch, topics, verifyOnly: false },
      ]),
    ),
  )
  expect(bytesOf(transaction.addOffsetsToTransaction, { ...producer, groupId: 'group' })).toBe(
    hex(oracle.addOffsetsToTxnV4.createRequest('txn', pid, producerEpoch, 'group')),
  )
  const added = hex(
    oracle.txnOffsetCommitV4.createRequest('txn', 'group', pid, producerEpoch, 7, 'member', 'instance', committedTopics),
  )
  expect(bytesOf(transaction.commitAddedOffsets, { ...producer, ...member, partitions: offsets })).toBe(added)
  expect(bytesOf(transaction.commitOffsetsInTransaction, { ...producer, ...member, partitions: offsets })).toBe(added)
  const end = hex(oracle.endTxnV4.createRequest('txn', pid, producerEpoch, true))
  expect(bytesOf(transaction.endTransaction, { ...producer, isCommitted: true })).toBe(end)
  expect(bytesOf(transaction.endTransactionWithNewEpoch, { ...producer, isCommitted: true })).toBe(end)
})

test('of topics', () => {
  const configs = [{ name: 'retention.ms', value: '-1' }]
  expect(bytesOf(createTopics, { topics: [{ name: 'one', partitions: 3, replicas: -1, configs }], timeoutMs: 5 })).toBe(
    hex(
      oracle.createTopicsV7.createRequest(
        [{ name: 'one', numPartitions: 3, replicationFactor: -1, assignments: [], configs }],
        5,
        false,
      ),
    ),
  )
  expect(bytesOf(createPartitions, { topics: [{ name: 'one', count: 9 }], timeoutMs: 5 })).toBe(
    hex(oracle.createPartitionsV3.createRequest([{ name: 'one', count: 9, assignments: null as never }], 5, false)),
  )
  expect(bytesOf(deleteTopics, { names: ['one'], timeoutMs: 5 })).toBe(
    hex(oracle.deleteTopicsV6.createRequest([{ name: 'one' }], 5)),
  )
  expect(bytesOf(deleteRecords, { partitions: [{ topic: 'one', partition: 1, offset: 2 ** 35 }], timeoutMs: 5 })).toBe(
    hex(oracle.deleteRecordsV2.createRequest([{ name: 'one', partitions: [{ partitionIndex: 1, offset: 2n ** 35n }] }], 5)),
  )
})

test('of configurations and groups', () => {
  expect(bytesOf(describeConfigs, { topics: ['one'], names: ['cleanup.policy'] })).toBe(
    hex(
      oracle.describeConfigsV4.createRequest(
        [{ resourceType: 2, resourceName: 'one', configurationKeys: ['cleanup.policy'] }],
        false,
        false,
      ),
    ),
  )
  const changes = [{ name: 'retention.ms', value: '7' }]
  expect(bytesOf(alterConfigs, { topics: [{ topic: 'one', configs: changes }] })).toBe(
    hex(
      oracle.incrementalAlterConfigsV1.createRequest(
        [{ resourceType: 2, resourceName: 'one', configs: [{ name: 'retention.ms', configOperation: 0, value: '7' }] }],
        false,
      ),
    ),
  )
  expect(bytesOf(describeGroups, { groupIds: ['group'] })).toBe(hex(oracle.describeGroupsV5.createRequest(['group'], false)))
  expect(bytesOf(listGroups, null)).toBe(hex(oracle.listGroupsV5.createRequest([], [])))
  expect(bytesOf(deleteGroups, { groupIds: ['group'] })).toBe(hex(oracle.deleteGroupsV2.createRequest(['group'])))
})

test('of fetches, without a session', () => {
  const partitions = [{ partition: 3, leaderEpoch: 4, offset: 2 ** 34, lastEpoch: 2, maxBytes: 100 }]
  const limits = { maxWaitMs: 500, minBytes: 1, maxBytes: 1000 }
  const theirs = { partition: 3, currentLeaderEpoch: 4, fetchOffset: 2n ** 34n, lastFetchedEpoch: 2, partitionMaxBytes: 100 }
  expect(bytesOf(fetch, { ...limits, isReadCommitted: true, topics: [{ topicId, partitions }] })).toBe(
    hex(oracle.fetchV17.createRequest(500, 1, 1000, 1, 0, -1, [{ topicId: uuid, partitions: [theirs] }] as never, [], '')),
  )
})
