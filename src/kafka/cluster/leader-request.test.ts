import { expect, test } from 'vitest'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { latest, listOffsets } from '../wire/offsets.js'
import { Cluster } from './cluster.js'
import { FakeCluster } from './fake-wire.js'

const clock = virtualClock()
const context = { clientId: 'test', clock, random: seededRandom(3), log: silentLogger }

function open({ open: openWire }: FakeCluster): Promise<Cluster> {
  const endpoints = [{ host: 'b1', port: 9092 }]
  return Cluster.open({ endpoints, place: 'kafka://b1', security: { tls: null, sasl: null }, context, openWire })
}

/** Lets time pass until the promise is settled. */
async function settle<Value>(promise: Promise<Value>): Promise<Value> {
  const seen = { isSettled: false }
  const settled = (): void => void (seen.isSettled = true)
  promise.then(settled, settled)
  while (!seen.isSettled) await clock.advance(20)
  return promise
}

test('a partition that a leader leaves out of its answer is asked for again, and never guessed', async () => {
  const fake = new FakeCluster([1])
  fake.setTopic('orders', [1, 1])
  const asked: number[] = []
  fake.on(listOffsets, ({ partitions }) => {
    asked.push(partitions.length)
    const answered = asked.length === 1 ? partitions.slice(1) : partitions
    const found = { errorCode: 0, offset: 7, timestamp: -1, leaderEpoch: 0 }
    return { partitions: answered.map(({ topic, partition }) => ({ topic, partition, ...found })) }
  })
  const cluster = await open(fake)
  const parts = [0, 1].map(partition => ({ topic: 'orders', partition, timestamp: latest }))
  const args = (own: typeof parts): { isReadCommitted: boolean; partitions: typeof parts } => ({
    isReadCommitted: false,
    partitions: own,
  })
  const answers = await settle(
    cluster.atLeaders(listOffsets, parts, { what: 'Cannot learn the end', args: own => args([...own]) }),
  )
  expect([answers.map(({ offset }) => offset), asked]).toEqual([
    [7, 7],
    [2, 1],
  ])
  cluster.close()
})
