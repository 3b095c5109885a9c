import { expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { findCoordinator } from '../wire/cluster-apis.js'
import type { OpenWire } from '../wire.js'
import { Cluster } from './cluster.js'
import { FakeCluster } from './fake-wire.js'

const clock = virtualClock()
const context = { clientId: 'test', clock, random: seededRandom(3), log: silentLogger }

function open(openWire: OpenWire): Promise<Cluster> {
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

test('a broker that cannot be used does not keep others from answering; when none can be, that is final', async () => {
  const fake = new FakeCluster([1, 2, 3])
  fake.on(findCoordinator, () => ({ coordinators: [] }))
  const expired = new TransportError('Its certificate has expired.', { retriable: false })
  const unusable = new Set<string>()
  const cluster = await open((endpoint, options) =>
    unusable.has(endpoint.host) ? Promise.reject(expired) : fake.open(endpoint, options),
  )
  const ask = (): Promise<unknown> =>
    settle(cluster.atAny(findCoordinator, { kind: 'group', keys: ['g'] }, { what: 'Cannot ask' }))
  unusable.add('b2')
  for (let times = 0; times < 20; times++) expect(await ask()).toEqual({ coordinators: [] })
  for (const host of ['b1', 'b3']) unusable.add(host)
  fake.cut()
  await expect(ask()).rejects.toBe(expired)
  cluster.close()
})
