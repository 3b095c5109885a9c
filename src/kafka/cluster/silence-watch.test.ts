import { afterEach, beforeEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { findCoordinator, metadata } from '../wire/cluster-apis.js'
import { heartbeat } from '../wire/group.js'
import { latest, listOffsets, type ListedPart } from '../wire/offsets.js'
import { Cluster } from './cluster.js'
import { FakeCluster } from './fake-wire.js'

const clock = virtualClock()
const context = { clientId: 'test', clock, random: seededRandom(3), log: silentLogger }
const member = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }
const what = 'Cannot do it'
const of = (partition: number): { topic: string; partition: number } => ({ topic: 'orders', partition })

let fake: FakeCluster
let cluster: Cluster
beforeEach(() => open([1, 2, 3]))
afterEach(() => cluster.close())

/** "orders" has two partitions, both led by broker 1. */
async function open(brokers: readonly number[]): Promise<void> {
  fake = new FakeCluster(brokers)
  fake.setTopic('orders', [1, 1])
  fake.on(listOffsets, () => ({ partitions: [] }))
  const endpoints = [{ host: 'b2', port: 9092 }].filter(({ host }) => fake.brokers.has(`${host}:9092`))
  const options = { endpoints: [...endpoints, { host: 'b1', port: 9092 }], place: 'kafka://b1', context, openWire: fake.open }
  cluster = await Cluster.open({ ...options, security: { tls: null, sasl: null } })
  await cluster.topics(['orders'])
  // So that there is a connection before it freezes.
  ask(0)
  await pass(100)
}

/** What became of a request to broker 1 about these partitions, and after how long. */
function ask(...partitions: number[]): { outcome: unknown; ms: number } {
  const startedMs = clock.elapsed()
  const seen: { outcome: unknown; ms: number } = { outcome: null, ms: -1 }
  const args = { isReadCommitted: false, partitions: partitions.map(each => ({ ...of(each), timestamp: latest })) }
  const leader = { nodeId: 1, purpose: 'fetch:1', partitions: args.partitions } as const
  const settle = (outcome: unknown): void => void Object.assign(seen, { outcome, ms: clock.elapsed() - startedMs })
  cluster.atLeader(leader, listOffsets, { args, timeoutMs: 30_000 }).then(settle, settle)
  return seen
}

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) await clock.advance(100)
}

test('a leader that is silent is left when the others name another one, its connection with it', async () => {
  fake.frozen.add('b1:9092')
  const [moved, kept] = [ask(0), ask(0, 1)]
  await pass(9000)
  expect([moved.ms, kept.ms]).toEqual([-1, -1])
  fake.setTopic('orders', [2, 2], { epoch: 1 })
  await pass(3500)
  for (const { outcome, ms } of [moved, kept]) {
    expect(outcome).toMatchObject({ constructor: TransportError, retriable: true })
    expect(String(outcome)).toContain('The broker at b1:9092 is silent, and another one leads by now.')
    expect(ms).toBeLessThan(12_500)
  }
  fake.frozen.clear()
  const opened = fake.opened
  const next = ask(0)
  await pass(100)
  expect([next.outcome, fake.opened]).toEqual([{ partitions: [] }, opened + 1])
})

test('one that the others do not name any more loses everything that waits for it', async () => {
  fake.frozen.add('b1:9092')
  const asked = ask(0)
  await pass(9000)
  fake.brokers.delete('b1:9092')
  await pass(3500)
  expect(String(asked.outcome)).toContain('has left the cluster')
})

test('a broker that still leads is only slow, however slow it is', async () => {
  let answer: (is: { partitions: ListedPart[] }) => void = () => undefined
  fake.on(listOffsets, () => new Promise(resolve => (answer = resolve)))
  const asked = ask(0, 1)
  await pass(5000)
  fake.setTopic('orders', [2, 1], { epoch: 1 })
  await pass(15_000)
  const opened = fake.opened
  answer({ partitions: [] })
  await pass(100)
  expect([asked.outcome, fake.opened]).toEqual([{ partitions: [] }, opened])
})

test('one that answers is asked on, also when others lead: it says so itself', async () => {
  fake.setTopic('orders', [2, 2], { epoch: 1 })
  const refreshed = cluster.refresh()
  await pass(200)
  await refreshed
  fake.on(listOffsets, async () => {
    await new Promise<void>(resolve => clock.after(1500, resolve, 'work'))
    return { partitions: [] }
  })
  // For whose sake the others are asked all the time.
  fake.frozen.add('b3:9092')
  const silent = cluster.connection(3, 'fetch:2').send(listOffsets, { isReadCommitted: false, partitions: [] }, 30_000)
  silent.catch(() => undefined)
  for (let count = 0; count < 12; count++) {
    const asked = ask(0)
    await pass(1600)
    expect(asked.outcome).toEqual({ partitions: [] })
  }
})

test('nobody is asked about brokers that answer, nor where there is only one', async () => {
  const before = fake.count(metadata)
  await pass(20_000)
  expect(fake.count(metadata)).toBe(before)
  cluster.close()
  await open([1])
  const alone = fake.count(metadata)
  fake.frozen.add('b1:9092')
  const asked = ask(0)
  await pass(29_000)
  expect([asked.ms, fake.count(metadata)]).toEqual([-1, alone])
})

test('a coordinator that freezes is replaced before its request times out', async () => {
  let at = 1
  fake.on(findCoordinator, () => ({
    coordinators: [{ key: 'g', nodeId: at, host: `b${at}`, port: 9092, errorCode: 0, errorMessage: '' }],
  }))
  fake.on(heartbeat, () => ({ errorCode: 0 }))
  fake.frozen.add('b1:9092')
  let isDone = false
  const of = { kind: 'group', key: 'g' } as const
  const asking = cluster.atCoordinator(of, heartbeat, { what, args: member }).then(() => (isDone = true))
  await pass(9000)
  at = 2
  fake.brokers.delete('b1:9092')
  await pass(4500)
  expect(isDone).toBe(true)
  await asking
})
