import { afterEach, beforeEach, expect, test } from 'vitest'
import { ClosedError, CommitError, FencedError } from '../../errors.js'
import { Deferred } from '../../lib/deferred.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import type { GroupMember, Membership, TopicPartition } from '../../transport/transport.js'
import { Cluster } from '../cluster/cluster.js'
import { Compression } from '../records/compression.js'
import { errorCodes } from '../wire/error-codes.js'
import { FakeCluster } from '../cluster/fake-wire.js'
import { findCoordinator } from '../wire/cluster-apis.js'
import { decodeSubscription, encodeAssignment, encodeSubscription } from '../wire/consumer-protocol.js'
import { heartbeat, joinGroup, leaveGroup, syncGroup, type JoinAnswer, type JoinArgs } from '../wire/group.js'
import { offsetCommit, offsetFetch, type CommitPart } from '../wire/offsets.js'
import { KafkaGroup } from './group.js'

const clock = virtualClock()
const context = { clientId: 'test', clock, random: seededRandom(3), log: silentLogger }
const none = (bytes: Buffer): Buffer => bytes
const compression = new Compression({ snappy: none, lz4: none, zstd: { compress: none, decompress: none } })
const bytes = (text: string): Buffer => Buffer.from(text)
const coordinator = { key: 'g', nodeId: 1, host: 'b1', port: 9092, errorCode: 0, errorMessage: '' }

let fake: FakeCluster
let cluster: Cluster
let told: string[]
let lost: FencedError[]
/** What heartbeats are answered. */
let state: number
const groups: KafkaGroup[] = []

beforeEach(async () => {
  fake = new FakeCluster([1])
  fake.setTopic('orders', [1, 1])
  told = []
  lost = []
  state = 0
  fake.on(findCoordinator, () => ({ coordinators: [coordinator] }))
  fake.on(joinGroup, answerJoin)
  fake.on(syncGroup, ({ assignments }) => ({ errorCode: 0, assignment: Buffer.from(assignments[0]?.assignment ?? given('old')) }))
  fake.on(heartbeat, () => ({ errorCode: state }))
  fake.on(leaveGroup, () => ({ errorCode: 0, members: [] }))
  fake.on(offsetCommit, ({ partitions }) => ({ partitions: partitions.map(part => ({ ...part, errorCode: 0 })) }))
  const endpoints = [{ host: 'b1', port: 9092 }]
  const security = { tls: null, sasl: null }
  cluster = await Cluster.open({ endpoints, place: 'kafka://b1', security, context, openWire: fake.open })
})
afterEach(() => {
  for (const group of groups.splice(0)) group.close(new ClosedError('The test is over.'))
  cluster.close()
})

const given = (text: string): Buffer => encodeAssignment({ partitions: [], userData: bytes(text) })

/** A group of one, whose member is `m1`. */
function answerJoin({ memberId, instanceId, protocols }: Pick<JoinArgs, 'memberId' | 'instanceId' | 'protocols'>): JoinAnswer {
  const required = memberId === '' && instanceId === null
  const members = [{ memberId: 'm1', instanceId, metadata: Buffer.from(protocols[0]!.metadata) }]
  return {
    errorCode: required ? errorCodes.MEMBER_ID_REQUIRED : 0,
    generation: required ? -1 : 1,
    protocol: 'faust',
    leaderId: 'm1',
    skipsAssignment: false,
    memberId: 'm1',
    members: required ? [] : members,
  }
}

function open(instanceId?: string): KafkaGroup {
  const group = new KafkaGroup(
    { context, cluster, compression },
    {
      groupId: 'g',
      ...(instanceId !== undefined && { instanceId }),
      sessionTimeoutMs: 6000,
      rebalanceTimeoutMs: 6000,
      onRebalance: () => told.push('rebalance'),
      onLost: error => {
        told.push('lost')
        lost.push(error as FencedError)
      },
    },
    1,
  )
  groups.push(group)
  return group
}

function join(group: KafkaGroup, assign = echo): Promise<Membership> {
  return group.join({ topics: ['orders'], metadata: bytes('mine'), assign })
}

function echo(members: readonly GroupMember[]): ReadonlyMap<string, Uint8Array> {
  return new Map(members.map(({ memberId, metadata }) => [memberId, metadata]))
}

const asked = (name: string): never[] => fake.requests.filter(request => request.name === name).map(({ args }) => args as never)

/** Lets time pass in steps, so that what is answered in between is taken in. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) await clock.advance(100)
}

test('a member gets its id, says what it reads in the form that brokers parse, and its bytes go both ways', async () => {
  const group = open()
  const membership = await join(group)
  expect(membership).toMatchObject({ groupId: 'g', memberId: 'm1', instanceId: null, generation: 1, isLeader: true })
  expect(Buffer.from(membership.assignment).toString()).toBe('mine')
  const joins: readonly JoinArgs[] = asked('JoinGroup')
  expect(joins.map(({ memberId }) => memberId)).toEqual(['', 'm1'])
  const subscription = decodeSubscription(joins[1]!.protocols[0]!.metadata)
  expect([subscription.topics, Buffer.from(subscription.userData).toString()]).toEqual([['orders'], 'mine'])
})

test('the leader gets the members in the order of their ids', async () => {
  const metadata = encodeSubscription({ topics: [], userData: bytes('x') })
  const members = ['m3', 'm1', 'm2'].map(memberId => ({ memberId, instanceId: null, metadata }))
  fake.on(joinGroup, args => ({ ...answerJoin({ ...args, memberId: 'm1' }), members }))
  const seen: string[] = []
  await join(open(), all => {
    seen.push(...all.map(({ memberId }) => memberId))
    return echo(all)
  })
  expect(seen).toEqual(['m1', 'm2', 'm3'])
})

test('a static leader that comes back assigns nothing', async () => {
  fake.on(joinGroup, args => ({ ...answerJoin(args), skipsAssignment: true }))
  const membership = await join(open('one'), () => expect.fail('there is nothing to assign'))
  expect(Buffer.from(membership.assignment).toString()).toBe('old')
})

test('a round that waits for others holds up neither heartbeats nor commits', async () => {
  const group = open()
  const membership = await join(group)
  const round = new Deferred<JoinAnswer>()
  fake.on(joinGroup, () => round.promise)
  state = errorCodes.REBALANCE_IN_PROGRESS
  const next = join(group)
  const beats = fake.count(heartbeat)
  await pass(20_000)
  expect(fake.count(heartbeat)).toBeGreaterThan(beats + 15)
  await group.commit([{ topic: 'orders', partition: 1, offset: 5 }], membership)
  // It has joined already: there is nothing to tell.
  expect(told).toEqual([])
  const protocols = [{ name: 'faust', metadata: bytes('') }]
  const joined = answerJoin({ memberId: 'm1', instanceId: null, protocols })
  round.resolve({ ...joined, leaderId: 'm2', generation: 2, members: [] })
  expect(await next).toMatchObject({ generation: 2, isLeader: false })
})

test('a round that is begun while the leader assigns: it is joined again', async () => {
  const codes = [errorCodes.REBALANCE_IN_PROGRESS, 0]
  fake.on(syncGroup, () => ({ errorCode: codes.shift() ?? 0, assignment: given('second') }))
  expect(Buffer.from((await join(open())).assignment).toString()).toBe('second')
  expect(fake.count(joinGroup)).toBe(3)
})

test('an assignment for which the leader takes longer than a session is not the end of the membership', async () => {
  const assigned = new Deferred<void>()
  fake.on(syncGroup, async () => {
    await assigned.promise
    return { errorCode: 0, assignment: given('late') }
  })
  const joining = join(open())
  await pass(9500)
  assigned.resolve()
  expect(Buffer.from((await joining).assignment).toString()).toBe('late')
  await pass(20_000)
  expect(told).toEqual([])
})

test('heartbeats tell of a round', async () => {
  await join(open())
  state = errorCodes.REBALANCE_IN_PROGRESS
  await pass(1000)
  expect(told).toEqual(['rebalance'])
})

test('the coordinator is silent: the member is out before its session can have ended there, and hears of it once', async () => {
  await join(open())
  await pass(4000)
  const lastMs = clock.elapsed()
  fake.frozen.add('b1:9092')
  while (told.length === 0) await clock.advance(10)
  expect(clock.elapsed() - lastMs).toBeLessThanOrEqual(6000)
  expect(clock.elapsed() - lastMs).toBeGreaterThan(4500)
  await pass(20_000)
  expect(told).toEqual(['lost'])
  expect(lost[0]).toMatchObject({ constructor: FencedError, retriable: true })
})

test.for(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'] as const)(
  '%s: the membership is lost, and the member may join again',
  async name => {
    const group = open()
    await join(group)
    state = errorCodes[name]
    await pass(1000)
    expect(told).toEqual(['lost'])
    state = 0
    const before = fake.count(joinGroup)
    await join(group)
    // The coordinator may still have it as a member: under a new id it would leave a ghost behind.
    expect(asked('JoinGroup').slice(before)).toMatchObject([{ memberId: 'm1' }])
  },
)

test('a member that may not use its group any more is none at once, and may join again when it may', async () => {
  const group = open()
  await join(group)
  state = errorCodes.GROUP_AUTHORIZATION_FAILED
  await pass(2000)
  expect(told).toEqual(['lost'])
  expect(lost[0]).toMatchObject({ constructor: FencedError, retriable: true })
  expect(lost[0]?.message).toContain('Grant it Read on the group')
  state = 0
  expect((await join(group)).generation).toBe(1)
})

test('whoever has nothing to lose and was forgotten joins as a new member at once', async () => {
  const group = open()
  await join(group)
  state = errorCodes.ILLEGAL_GENERATION
  await pass(1000)
  state = 0
  const answers = [errorCodes.UNKNOWN_MEMBER_ID]
  fake.on(joinGroup, args => ({ ...answerJoin(args), errorCode: answers.shift() ?? answerJoin(args).errorCode }))
  expect(await join(group)).toMatchObject({ memberId: 'm1' })
})

test('a member in a round that was forgotten is told by the round', async () => {
  const group = open()
  await join(group)
  fake.on(joinGroup, args => ({ ...answerJoin(args), errorCode: errorCodes.UNKNOWN_MEMBER_ID }))
  await expect(join(group)).rejects.toMatchObject({ constructor: FencedError, retriable: true })
  expect(told).toEqual([])
})

test('another member has the instance id: that is final', async () => {
  const group = open('one')
  await join(group)
  state = errorCodes.FENCED_INSTANCE_ID
  await pass(1000)
  expect(lost[0]).toMatchObject({ constructor: FencedError, retriable: false })
  await expect(join(group)).rejects.toBe(lost[0])
})

test('commits carry who commits; they go one at a time, and not at all where a partition does not exist', async () => {
  const group = open('one')
  const membership = await join(group)
  // The first one has to be sent again: the second one waits for it all the same.
  const codes = [errorCodes.COORDINATOR_LOAD_IN_PROGRESS]
  fake.on(offsetCommit, ({ partitions }) => {
    const errorCode = codes.shift() ?? 0
    return { partitions: partitions.map(part => ({ ...part, errorCode })) }
  })
  const both = Promise.all([1, 2].map(offset => group.commit([{ topic: 'orders', partition: 0, offset }], membership)))
  await pass(2000)
  await both
  const who = { groupId: 'g', generation: 1, memberId: 'm1', instanceId: 'one' }
  const sent = [1, 1, 2].map(offset => ({ ...who, partitions: [{ topic: 'orders', partition: 0, offset }] }))
  expect(asked('OffsetCommit')).toEqual(sent)
  const offsets = ['orders', 'nowhere'].map(topic => ({ topic, partition: 0, offset: 3 }))
  const refused = expect(group.commit(offsets, membership)).rejects.toBeInstanceOf(CommitError)
  await pass(6000)
  await refused
  expect(fake.count(offsetCommit)).toBe(3)
})

test('a member that leaves while it looks for its coordinator does not join afterwards', async () => {
  const group = open()
  await join(group)
  fake.on(joinGroup, args => ({ ...answerJoin(args), errorCode: errorCodes.COORDINATOR_LOAD_IN_PROGRESS }))
  const joining = expect(join(group)).rejects.toMatchObject({ constructor: FencedError, retriable: true })
  await pass(500)
  const before = fake.count(joinGroup)
  await group.leave()
  await joining
  await pass(60_000)
  expect([fake.count(joinGroup), fake.count(leaveGroup), told]).toEqual([before, 1, []])
})

test('… nor when it hears who that is only after it has left', async () => {
  const group = open()
  await join(group)
  const looking = new Deferred<typeof coordinator>()
  fake.on(joinGroup, args => ({ ...answerJoin(args), errorCode: errorCodes.NOT_COORDINATOR }))
  fake.on(findCoordinator, async () => ({ coordinators: [await looking.promise] }))
  const joining = expect(join(group)).rejects.toMatchObject({ constructor: FencedError, retriable: true })
  await pass(300)
  const before = fake.count(joinGroup)
  const leaving = group.leave()
  looking.resolve(coordinator)
  await pass(60_000)
  await Promise.all([joining, leaving])
  expect(fake.count(joinGroup)).toBe(before)
})

test('whoever waits for committed offsets waits no longer than the membership', async () => {
  const group = open()
  await join(group)
  const errorCode = errorCodes.UNSTABLE_OFFSET_COMMIT
  fake.on(offsetFetch, ({ partitions }) => ({
    errorCode: 0,
    partitions: partitions!.map(part => ({ ...part, offset: -1, errorCode })),
  }))
  const waiting = expect(group.committed([{ topic: 'orders', partition: 0 }])).rejects.toMatchObject({ constructor: FencedError })
  await pass(500)
  await group.leave()
  await waiting
  const before = fake.count(offsetFetch)
  await pass(10_000)
  expect(fake.count(offsetFetch)).toBe(before)
})

test('an offset is committed with its log; an identity of another cluster, carried here by a mirror, says nothing', async () => {
  const group = open()
  const membership = await join(group)
  const kept: CommitPart[] = []
  fake.on(offsetCommit, ({ partitions }) => {
    kept.push(...partitions)
    return { partitions: partitions.map(({ topic, partition }) => ({ topic, partition, errorCode: 0 })) }
  })
  fake.on(offsetFetch, () => ({ errorCode: 0, partitions: kept.map(part => ({ ...part, errorCode: 0 })) }))
  const [at, other] = [0, 1].map(partition => ({ topic: 'orders', partition })) as [TopicPartition, TopicPartition]
  const [{ id: topicId } = { id: '' }] = fake.topics.values()
  await group.commit([{ ...at, topicId, offset: 3 }], membership)
  expect(kept).toEqual([{ ...at, offset: 3, logId: `${topicId}@fake` }])
  kept.push({ ...other, offset: 7, logId: 'mirrored@elsewhere' })
  expect(await group.committed([at, other])).toEqual([
    { ...at, offset: 3, topicId },
    { ...other, offset: 7 },
  ])
})

test('what the coordinator leaves out of its answers is neither committed nor free of a commit', async () => {
  const group = open()
  const membership = await join(group)
  fake.on(offsetFetch, () => ({ errorCode: 0, partitions: [] }))
  fake.on(offsetCommit, () => ({ partitions: [] }))
  const at = { topic: 'orders', partition: 1 }
  await expect(group.committed([at])).rejects.toThrow('"orders"[1]: the broker has left it out of its answer')
  await expect(group.commit([{ ...at, offset: 1 }], membership)).rejects.toMatchObject({
    constructor: CommitError,
    retriable: true,
  })
})

test('leaving a coordinator that is away takes no longer than a goodbye', async () => {
  const group = open()
  await join(group)
  fake.frozen.add('b1:9092')
  let hasLeft = false
  const leaving = group.leave().then(() => (hasLeft = true))
  await pass(5100)
  expect(hasLeft).toBe(true)
  await leaving
})

test('closing fails a round that is under way and says no goodbye', async () => {
  const group = open()
  await join(group)
  fake.on(joinGroup, () => new Promise(() => undefined))
  const joining = expect(join(group)).rejects.toBeInstanceOf(ClosedError)
  await pass(100)
  group.close(new ClosedError('It is over.'))
  await joining
  await group.leave()
  await pass(10_000)
  expect([fake.count(leaveGroup), told]).toEqual([0, []])
})
