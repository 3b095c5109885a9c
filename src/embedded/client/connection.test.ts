import { afterEach, beforeEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import type { Clock } from '../../lib/clock.js'
import { silentLogger } from '../../lib/log.js'
import { type Random, seededRandom } from '../../lib/random.js'
import { outgoing } from '../../testing/contract/messages.js'
import { pollingUntil } from '../../testing/contract/polling-until.js'
import { Seat } from '../../testing/contract/seat.js'
import { hurriedClock } from '../../testing/hurried-clock.js'
import { ThreadBroker } from '../../testing/thread-broker.js'
import type { Connection } from '../../transport/transport.js'

const at = { topic: 'orders', partition: 0 }
let clock: Clock
let random: Random
let broker: ThreadBroker
let until: ReturnType<typeof pollingUntil>
let connections: Connection[]

beforeEach(async () => {
  clock = hurriedClock(5)
  random = seededRandom(1)
  until = pollingUntil(clock)
  broker = await ThreadBroker.open({ clock, random, log: silentLogger })
  connections = []
})

afterEach(async () => {
  await Promise.all(connections.map(connection => connection.close()))
  await broker.close()
})

async function connect(): Promise<Connection> {
  const connection = await broker.transport().connect({ clientId: 'client', clock, random, log: silentLogger })
  connections.push(connection)
  return connection
}

function seat(connection: Connection, sessionTimeoutMs: number = 10_000): Seat {
  return new Seat(connection, { groupId: 'group', sessionTimeoutMs, rebalanceTimeoutMs: 10_000 })
}

async function replaceBroker(): Promise<void> {
  await broker.stop()
  await broker.start()
}

test('a group goes on with another owner as if nothing had happened', async () => {
  const seats = [seat(await connect()), seat(await connect())] as const
  await connections[0]?.admin.createTopics([{ name: at.topic, partitions: 1 }])
  for (const each of seats) each.start()
  await until(() => Seat.agree(seats), 'agreement')
  const { generation } = seats[0].current
  const notices = seats.map(each => each.notices)
  for (let offset = 1; offset <= 3; offset++) {
    await replaceBroker()
    for (const { group, current } of seats) await group.commit([{ ...at, offset }], current)
    expect(await seats[0].group.committed([at])).toEqual([{ ...at, offset }])
  }
  expect(seats.map(({ current }) => current.generation)).toEqual([generation, generation])
  expect(seats.map(each => each.notices)).toEqual(notices)
  expect(seats.flatMap(({ lost, refusals }) => [...lost, ...refusals])).toEqual([])
})

test('a round that is under way when the owner goes is finished by the next one', async () => {
  const seats = [seat(await connect()), seat(await connect())] as const
  const [old, young] = seats
  old.start()
  await until(() => Seat.agree([old]), 'a round')
  const { generation } = old.current
  old.isObedient = false
  young.start()
  await until(() => old.notices > 0, 'a request to join again')
  await replaceBroker()
  old.isObedient = true
  old.start()
  await until(() => Seat.agree(seats), 'agreement')
  expect(old.current.generation).toBeGreaterThan(generation)
  expect(seats.flatMap(({ lost, refusals }) => [...lost, ...refusals])).toEqual([])
})

test('a member that the next owner wants to join again hears of it at once', async () => {
  const sessionTimeoutMs = 120_000
  const [old, young] = [seat(await connect(), sessionTimeoutMs), seat(await connect(), sessionTimeoutMs)]
  old.start()
  await until(() => Seat.agree([old]), 'a round')
  await replaceBroker()
  const startMs = clock.elapsed()
  young.start()
  await until(() => Seat.agree([old, young]), 'agreement')
  expect(clock.elapsed() - startMs).toBeLessThan(sessionTimeoutMs / 6)
})

test('who watches topics is told by the next owner as well, and that something may have been missed', async () => {
  const { admin } = await connect()
  let changes = 0
  const stop = admin.watchTopics(() => changes++)
  await admin.createTopics([{ name: 'one', partitions: 1 }])
  await until(() => changes === 1, 'word of the first topic')
  await replaceBroker()
  await until(() => changes === 2, 'word of the new owner')
  await (await connect()).admin.createTopics([{ name: 'two', partitions: 1 }])
  await until(() => changes === 3, 'word of the second topic')
  stop()
  await admin.createTopics([{ name: 'three', partitions: 1 }])
  await replaceBroker()
  expect((await admin.topics()).map(({ name }) => name)).toEqual(['one', 'three', 'two'])
  expect(changes).toBe(3)
})

test('a transaction may span owners', async () => {
  const connection = await connect()
  await connection.admin.createTopics([{ name: at.topic, partitions: 1 }])
  const producer = await connection.producer({ transactionalId: 'id' })
  await producer.begin()
  producer.append(outgoing(at, 'before'))
  await producer.flush()
  await replaceBroker()
  producer.append(outgoing(at, 'after'))
  await producer.flush()
  expect(await connection.admin.endOffsets([at], 'read-committed')).toEqual([{ ...at, offset: 0 }])
  await replaceBroker()
  await producer.commit([], null)
  expect(await connection.admin.endOffsets([at], 'read-committed')).toEqual([{ ...at, offset: 3 }])
})

test('a broker that cannot be reached is known when connecting', async () => {
  await broker.stop()
  const transport = broker.transport(() => Promise.reject(new TransportError('nobody answers')))
  const context = { clientId: 'client', clock: hurriedClock(100), random, log: silentLogger }
  await expect(transport.connect(context)).rejects.toMatchObject({
    code: 'FAUST_TRANSPORT',
    message: expect.stringMatching(
      /^Cannot connect "client": the broker in ".*" has not answered for 30s \(nobody answers\)/,
    ) as string,
  })
})
