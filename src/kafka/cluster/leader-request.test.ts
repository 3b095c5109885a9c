import { expect, test } from 'vitest'
import { virtualClock } from '../../testing/virtual-clock.js'
import { latest, listOffsets } from '../wire/offsets.js'
import { ClusterStage } from './cluster-stage.js'
import { FakeCluster } from './fake-wire.js'

const stage = new ClusterStage(virtualClock())

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
  const cluster = await stage.open(fake.open)
  const parts = [0, 1].map(partition => ({ topic: 'orders', partition, timestamp: latest }))
  const args = (own: typeof parts): { isReadCommitted: boolean; partitions: typeof parts } => ({
    isReadCommitted: false,
    partitions: own,
  })
  const answers = await stage.settle(
    cluster.atLeaders(listOffsets, parts, { what: 'Cannot learn the end', args: own => args([...own]) }),
  )
  expect([answers.map(({ offset }) => offset), asked]).toEqual([
    [7, 7],
    [2, 1],
  ])
  cluster.close()
})
