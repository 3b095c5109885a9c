import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../lib/log.js'
import { seededRandom } from '../lib/random.js'
import { virtualClock } from '../testing/virtual-clock.js'
import { Cluster } from './cluster/cluster.js'
import { FakeLogs } from './cluster/fake-logs.js'
import { FakeCluster } from './cluster/fake-wire.js'
import { KafkaConnection } from './connection.js'
import { noCompression } from './records/fake-batch.js'
import { findCoordinator } from './wire/cluster-apis.js'
import { encodeAssignment } from './wire/consumer-protocol.js'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from './wire/group.js'

const clock = virtualClock()
const context = { clientId: 'test', clock, random: seededRandom(3), log: silentLogger }
const unheard = { onRebalance: () => undefined, onLost: () => undefined }
const round = { topics: [], metadata: Buffer.alloc(0), assign: () => new Map<string, Uint8Array>() }

let connection: KafkaConnection
/** What the connection has closed itself. */
let closed: string[]
beforeEach(async () => {
  closed = []
  const fake = new FakeCluster()
  void new FakeLogs(fake, clock)
  const coordinator = { key: 'g', nodeId: 1, host: 'b1', port: 9092, errorCode: 0, errorMessage: '' }
  fake.on(findCoordinator, () => ({ coordinators: [coordinator] }))
  const joined = {
    errorCode: 0,
    generation: 1,
    leaderId: 'm',
    memberId: 'm',
    members: [],
    skipsAssignment: false,
    protocol: 'faust',
  }
  fake.on(joinGroup, () => joined)
  const assignment = encodeAssignment({ partitions: [], userData: Buffer.alloc(0) })
  fake.on(syncGroup, () => ({ errorCode: 0, assignment }))
  fake.on(heartbeat, () => ({ errorCode: 0 }))
  fake.on(leaveGroup, () => ({ errorCode: 0, members: [] }))
  const options = { endpoints: [{ host: 'b1', port: 9092 }], place: 'kafka://b1', security: { tls: null, sasl: null } }
  const cluster = await Cluster.open({ ...options, context, openWire: fake.open })
  connection = new KafkaConnection({ context, cluster, compression: noCompression })
})
afterEach(() => connection.close())

/** Takes note when the connection closes it. */
function watched<Part extends object>(part: Part, name: string): Part {
  return Object.assign(part, { close: () => void closed.push(name) })
}

test('what was made from it ends with it, unless it has been closed before: then it is kept no longer', async () => {
  const [early, late] = [0, 1].map(() => connection.reader({ isolation: 'read-committed', onError: () => undefined }))
  const producers = [await connection.producer({}), await connection.producer({})]
  await early!.close()
  await producers[0]!.close()
  for (const [index, part] of [early!, late!, ...producers].entries()) watched(part, ['early', 'late', 'first', 'second'][index]!)
  await connection.close()
  expect(closed).toEqual(['late', 'second'])
  expect(() => connection.reader({ isolation: 'read-committed', onError: () => undefined })).toThrow(
    'Cannot open a reader: the connection of "test" is closed. Connect again.',
  )
})

test('a group is kept from its first join until it has left, and may join again', async () => {
  const options = { groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, ...unheard }
  const names = ['never joined', 'member', 'left', 'back']
  const [unjoined, member, left, back] = names.map(() => connection.group(options))
  for (const group of [member!, left!, back!]) await group.join(round)
  await left!.leave()
  await back!.leave()
  await back!.join(round)
  for (const [index, group] of [unjoined!, member!, left!, back!].entries()) watched(group, names[index]!)
  await connection.close()
  expect(closed).toEqual(['member', 'back'])
  await expect(left!.join(round)).rejects.toThrow('Cannot join the group "g": the connection of "test" is closed.')
})
