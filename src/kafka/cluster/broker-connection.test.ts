import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClosedError, TransportError } from '../../errors.js'
import { Deferred } from '../../lib/deferred.js'
import { silentLogger, type Logger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { BrokerConnection } from './broker-connection.js'
import { FakeCluster } from './fake-wire.js'
import type { OpenWire } from '../wire.js'
import { apiVersions, findCoordinator, metadata } from '../wire/cluster-apis.js'
import { heartbeat } from '../wire/group.js'
import { requiredApis } from '../wire/required.js'
import { produceInTransaction } from '../wire/produce.js'

const clock = virtualClock()
const endpoint = { host: 'b1', port: 9092 }
const member = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }

function connect(cluster: FakeCluster, options: { open?: OpenWire; log?: Logger } = {}): BrokerConnection {
  const { open = cluster.open, log = silentLogger } = options
  const context = { clientId: 'test', clock, random: seededRandom(1), log }
  return new BrokerConnection(endpoint, {
    context,
    security: { tls: null, sasl: null },
    openWire: open,
    connectTimeoutMs: 10_000,
  })
}

function beating(cluster = new FakeCluster()): FakeCluster {
  cluster.on(heartbeat, ({ generation }) => ({ errorCode: generation }))
  return cluster
}

const beat = (connection: BrokerConnection, number: number, timeoutMs = 1000): Promise<number> =>
  connection.send(heartbeat, { ...member, generation: number }, timeoutMs).then(answer => answer.errorCode)

/** What a promise has come to; `null` while it is open. */
function watched(promise: Promise<unknown>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: null }
  promise.then(
    value => (seen.outcome = value),
    (error: unknown) => (seen.outcome = error),
  )
  return seen
}

test('opens for its first request; requests go out in the order of their calls', async () => {
  const cluster = beating()
  const connection = connect(cluster)
  expect([cluster.opened, connection.isOpen, connection.versions]).toEqual([0, false, null])
  expect(await Promise.all([1, 2, 3].map(number => beat(connection, number)))).toEqual([1, 2, 3])
  expect(cluster.requests.map(({ name }) => name)).toEqual(['ApiVersions', 'Heartbeat', 'Heartbeat', 'Heartbeat'])
  expect(cluster.opened).toBe(1)
  expect(connection.versions?.speaks(metadata)).toBe(true)
})

test('a broker that answers nothing: the deadline ends the request and the connection with it', async () => {
  const cluster = beating()
  const connection = connect(cluster)
  await beat(connection, 0)
  cluster.frozen.add('b1:9092')
  const [slow, patient] = [watched(beat(connection, 1, 500)), watched(beat(connection, 2, 60_000))]
  await clock.advance(499)
  expect(slow.outcome).toBeNull()
  await clock.advance(1)
  expect(slow.outcome).toMatchObject({ constructor: TransportError, retriable: true })
  expect(String(slow.outcome)).toContain('The broker at b1:9092 has not answered Heartbeat within 500 ms')
  expect(patient.outcome).toMatchObject({ retriable: true, cause: slow.outcome })
  cluster.frozen.clear()
  expect(await beat(connection, 3)).toBe(3)
  expect(cluster.opened).toBe(2)
})

test('a connection that never comes about: each request fails at its own deadline, the attempt at its', async () => {
  const attempts: AbortSignal[] = []
  const open: OpenWire = (_endpoint, { signal }) => {
    attempts.push(signal)
    return new Promise(() => undefined)
  }
  const connection = connect(new FakeCluster(), { open })
  const [short, long] = [watched(beat(connection, 1, 300)), watched(beat(connection, 2, 60_000))]
  await clock.advance(300)
  expect(String(short.outcome)).toContain('the request could not be sent')
  expect([long.outcome, attempts[0]!.aborted]).toEqual([null, false])
  await clock.advance(9_700)
  expect(String(long.outcome)).toContain('nothing came back within 10000 ms')
  expect(attempts[0]!.aborted).toBe(true)
})

test('lost: what was sent fails and may be tried again; what comes later opens another', async () => {
  const cluster = beating()
  const connection = connect(cluster)
  await beat(connection, 0)
  cluster.frozen.add('b1:9092')
  const open = [1, 2, 3].map(number => watched(beat(connection, number)))
  await clock.settled()
  cluster.frozen.clear()
  cluster.cut()
  const next = beat(connection, 4)
  await clock.settled()
  for (const { outcome } of open) expect(outcome).toMatchObject({ constructor: TransportError, retriable: true })
  expect(await next).toBe(4)
})

test('lost for a reason that would be final for a new one: what was sent may be tried again all the same', async () => {
  const cluster = beating()
  const why = new TransportError('No TLS connection can be agreed on.', { retriable: false })
  const lossy: OpenWire = async (to, options) => {
    const wire = await cluster.open(to, options)
    const request: typeof wire.request = (api, args) => {
      if (api.name === 'Heartbeat') options.onLost(why)
      return api.name === 'Heartbeat' ? Promise.reject(why) : wire.request(api, args)
    }
    return { sessionLifetimeMs: Infinity, request, destroy: () => wire.destroy() }
  }
  const connection = connect(cluster, { open: lossy })
  await expect(beat(connection, 1)).rejects.toMatchObject({ constructor: TransportError, retriable: true, cause: why })
})

test('lost in the moment it was opened: the next request finds out and opens another', async () => {
  const cluster = beating()
  const open: OpenWire = async (to, options) => {
    const wire = await cluster.open(to, options)
    if (cluster.opened > 1) return wire
    // The answer is there, and the broker gone, before anybody has looked at it.
    return {
      ...wire,
      sessionLifetimeMs: Infinity,
      request: async (api, args) => {
        const answer = await wire.request(api, args)
        cluster.cut()
        return answer
      },
      destroy: () => wire.destroy(),
    }
  }
  const connection = connect(cluster, { open })
  await expect(beat(connection, 1)).rejects.toThrow(TransportError)
  expect(await beat(connection, 2)).toBe(2)
})

test('nobody listens: each attempt waits longer, up to a second, whoever asks', async () => {
  const cluster = beating()
  cluster.brokers.clear()
  const connection = connect(cluster)
  const startedMs = clock.elapsed()
  const at: number[] = []
  for (let count = 0; count < 6; count++) {
    const failed = beat(connection, count, 5000).catch(() => at.push(clock.elapsed() - startedMs))
    await clock.advance(1000)
    await failed
  }
  expect(connection.failures).toBe(6)
  const waits = at.map((ms, index) => ms - index * 1000)
  expect(waits[0]).toBe(0)
  for (const [index, least] of [50, 100, 200, 400, 500].entries()) {
    expect(waits[index + 1]).toBeGreaterThanOrEqual(least)
    expect(waits[index + 1]).toBeLessThanOrEqual(2 * least)
  }
  cluster.add(1)
  const reached = beat(connection, 9, 5000)
  await clock.advance(1000)
  expect([await reached, connection.failures]).toEqual([9, 0])
})

test('only the first failure in a row is a warning, and the end of them is told', async () => {
  const lines: string[] = []
  const log: Logger = {
    ...silentLogger,
    warn: (_facts, message) => lines.push(`warn ${message}`),
    info: (_facts, message) => lines.push(`info ${message}`),
  }
  const cluster = beating()
  cluster.brokers.clear()
  const connection = connect(cluster, { log })
  for (const number of [1, 2, 3]) {
    const failed = watched(beat(connection, number, 5000))
    await clock.advance(1000)
    expect(failed.outcome).toBeInstanceOf(TransportError)
  }
  cluster.add(1)
  const reached = beat(connection, 4, 5000)
  await clock.advance(1000)
  await reached
  expect(lines).toEqual([
    'warn Cannot talk to the broker at b1:9092: nobody listens there.',
    'info The broker can be reached again.',
  ])
})

test('a login that ends: nothing is sent after it, and nothing overtakes what is under way', async () => {
  const cluster = beating()
  cluster.sessionLifetimeMs = 10_000
  const connection = connect(cluster)
  await beat(connection, 0)
  const held = new Deferred<{ errorCode: number }>()
  cluster.on(heartbeat, ({ generation }) => (generation === 1 ? held.promise : { errorCode: generation }))
  await clock.advance(8_000)
  const first = watched(beat(connection, 1, 60_000))
  await clock.advance(1_600)
  const second = watched(beat(connection, 2, 60_000))
  await clock.settled()
  // Between 85 and 95 % of its time, one request is still under way.
  expect([cluster.opened, second.outcome]).toEqual([1, null])
  held.resolve({ errorCode: 1 })
  await clock.settled()
  expect([first.outcome, second.outcome, cluster.opened]).toEqual([1, 2, 2])
  await clock.advance(8_000)
  expect(await beat(connection, 3)).toBe(3)
  expect(cluster.opened).toBe(2)
})

test('what the broker does not understand is refused before it is sent, and harms nobody else', async () => {
  const cluster = beating()
  const connection = connect(cluster)
  const refused = connection.send(produceInTransaction, { transactionalId: null, timeoutMs: 1, partitions: [] }, 1000)
  await expect(refused).rejects.toThrow('the broker at b1:9092: it does not understand Produce 12 (it knows 0 to 11)')
  await expect(refused).rejects.toMatchObject({ retriable: false })
  expect(await beat(connection, 1)).toBe(1)
  expect(cluster.opened).toBe(1)
})

test('a broker that is too old is named with all that it lacks, and not asked again', async () => {
  const cluster = beating()
  cluster.versions = requiredApis
    .filter(api => api !== findCoordinator)
    .map(api => ({ ...api, version: Math.min(api.version, 8) }))
  const refused = connect(cluster).send(metadata, { topics: null }, 1000)
  await expect(refused).rejects.toMatchObject({ retriable: false })
  await expect(refused).rejects.toThrow(
    /^Cannot use the broker at b1:9092: it does not understand Produce 11 \(it knows 0 to 8\), Fetch 17 .*FindCoordinator 6.*Use Apache Kafka 3\.9 or newer/,
  )
})

test('a broker that is too old to say what it understands is named in one short line', async () => {
  const cluster = beating()
  cluster.versions = [apiVersions]
  const refused = connect(cluster).send(metadata, { topics: null }, 1000)
  await expect(refused).rejects.toThrow(
    'Cannot use the broker at b1:9092: it does not understand what we ask it. Use Apache Kafka 3.9 or newer, or what speaks the same.',
  )
})

test('closed: everything open fails, what waits and what comes later too', async () => {
  const cluster = beating()
  const connection = connect(cluster)
  await beat(connection, 0)
  cluster.frozen.add('b1:9092')
  const sent = watched(beat(connection, 1))
  connection.close()
  await clock.settled()
  expect(sent.outcome).toBeInstanceOf(ClosedError)
  await expect(beat(connection, 2)).rejects.toThrow(ClosedError)

  const unopened = connect(cluster, { open: () => new Promise(() => undefined) })
  const waiting = watched(beat(unopened, 3))
  const why = new TransportError('The broker has left the cluster.')
  unopened.close(why)
  await clock.settled()
  expect(waiting.outcome).toBe(why)
  await expect(beat(unopened, 4)).rejects.toBe(why)
})

test('whatever happens to the broker, every request settles, and answers are its own', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant('send' as const) },
    fc.constantFrom('cut', 'freeze', 'thaw', 'refuse', 'listen', 'pass', 'pass') as fc.Arbitrary<
      'cut' | 'freeze' | 'thaw' | 'refuse' | 'listen' | 'pass'
    >,
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer(), async (steps, seed) => {
      const cluster = beating()
      const random = seededRandom(seed)
      cluster.sessionLifetimeMs = random.next() < 0.5 ? Infinity : 500
      const connection = connect(cluster)
      const sent: { outcome: unknown }[] = []
      const does = {
        send: () => sent.push(watched(beat(connection, sent.length + 100, 50 + random.next() * 2000))),
        cut: () => cluster.cut(),
        freeze: () => cluster.frozen.add('b1:9092'),
        thaw: () => cluster.frozen.clear(),
        refuse: () => cluster.remove(1),
        listen: () => cluster.add(1),
        pass: () => clock.advance(random.next() * 400),
      }
      for (const each of steps) await does[each]()
      await clock.advance(15_000)
      for (const [index, { outcome }] of sent.entries()) {
        if (outcome instanceof TransportError) expect(outcome.retriable).toBe(true)
        else expect(outcome).toBe(index + 100)
      }
      connection.close()
    }),
    { numRuns: 60 },
  )
}, 60_000)
