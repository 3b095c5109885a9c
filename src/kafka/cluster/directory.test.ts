import { expect, test } from 'vitest'
import { virtualClock } from '../../testing/virtual-clock.js'
import { TransportError } from '../../errors.js'
import { findCoordinator } from '../wire/cluster-apis.js'
import { ClusterStage } from './cluster-stage.js'
import { FakeCluster } from './fake-wire.js'

const stage = new ClusterStage(virtualClock())

test('a broker that cannot be used does not keep others from answering; when none can be, that is final', async () => {
  const fake = new FakeCluster([1, 2, 3])
  fake.on(findCoordinator, () => ({ coordinators: [] }))
  const expired = new TransportError('Its certificate has expired.', { retriable: false })
  const unusable = new Set<string>()
  const cluster = await stage.open((endpoint, options) =>
    unusable.has(endpoint.host) ? Promise.reject(expired) : fake.open(endpoint, options),
  )
  const ask = (): Promise<unknown> =>
    stage.settle(cluster.atAny(findCoordinator, { kind: 'group', keys: ['g'] }, { what: 'Cannot ask' }))
  unusable.add('b2')
  for (let times = 0; times < 20; times++) expect(await ask()).toEqual({ coordinators: [] })
  for (const host of ['b1', 'b3']) unusable.add(host)
  fake.cut()
  await expect(ask()).rejects.toBe(expired)
  cluster.close()
})
