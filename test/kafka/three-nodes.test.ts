import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { readMetadata } from '../../scripts/kafka/metadata.js'
import { startCluster } from './cluster.js'
import { running } from './running.js'
import { coordinatorOf, createTopic, eventually, leaderOf, moveCoordinator, moveLeader, partitionsOf } from './steering.js'

let cluster: Cluster

beforeAll(async () => {
  const started = performance.now()
  cluster = await startCluster({ nodes: 3 })
  console.log(`three nodes are ready after ${((performance.now() - started) / 1000).toFixed(1)} s`)
})

afterAll(async () => {
  await cluster.close()
  expect(running(cluster.folder)).toEqual([])
  expect(existsSync(cluster.folder)).toBe(false)
})

test('a partition gets another leader when its own is killed, and the node joins again', async () => {
  const bootstrap = cluster.bootstrap()
  const place = { topic: 'led', partition: 0 }
  await createTopic(bootstrap, { name: 'led' })
  const leader = await leaderOf(bootstrap, place)
  expect((await partitionsOf(bootstrap, 'led'))[0]?.replicas.toSorted()).toEqual([1, 2, 3])

  const killed = performance.now()
  await cluster.kill(leader)
  await eventually('other leader', async () => ![-1, leader].includes(await leaderOf(bootstrap, place)))
  console.log(`another leader ${((performance.now() - killed) / 1000).toFixed(1)} s after SIGKILL`)
  await cluster.ready()

  await cluster.start(leader)
  expect((await readMetadata(cluster.address(leader))).nodes.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
  await eventually('copies in sync', async () => (await partitionsOf(bootstrap, 'led'))[0]?.inSync.length === 3)
})

test('a leader moves where the test wants it, also to a node that had no copy', async () => {
  const bootstrap = cluster.bootstrap()
  await createTopic(bootstrap, { name: 'single', replicas: 1, partitions: 2 })
  for (const topic of ['led', 'single']) {
    for (const node of [1, 2, 3]) {
      await moveLeader(bootstrap, { topic, partition: 0 }, node)
      expect(await leaderOf(bootstrap, { topic, partition: 0 })).toBe(node)
    }
  }
  expect((await partitionsOf(bootstrap, 'single'))[0]?.replicas).toEqual([3])
})

test.for(['group', 'transaction'] as const)('the coordinator of a %s moves where the test wants it', async kind => {
  const bootstrap = cluster.bootstrap()
  for (const node of [1, 2, 3]) {
    await moveCoordinator(bootstrap, node, { name: 'Gruppe-ä-with-a-long-name', kind })
    expect(await coordinatorOf(bootstrap, 'Gruppe-ä-with-a-long-name', kind)).toBe(node)
  }
})
