import { describe, expect, test } from 'vitest'
import { ClosedError, TransportError } from '../../errors.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { numbered, outgoing, Reading } from '../../testing/contract/messages.js'
import { Seat } from '../../testing/contract/seat.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import type { Connection, ConnectionContext, Producer } from '../../transport/transport.js'
import { memory } from '../memory.js'
import { MemoryBroker } from './broker.js'

const at = { topic: 'orders', partition: 0 }
const clock = virtualClock()

function context(clientId: string = 'client'): ConnectionContext {
  return { clientId, clock, random: seededRandom(1), log: silentLogger }
}

function read(connection: Connection, partition: number = 0): Reading {
  const reader = connection.reader({ isolation: 'read-committed', onError: error => expect.fail(error.message) })
  return new Reading(reader, { ...at, partition }, 'earliest')
}

async function store(producer: Producer, values: readonly string[], partition: number = 0): Promise<void> {
  for (const value of values) producer.append(outgoing({ ...at, partition }, value))
  await producer.flush()
}

describe('memory', () => {
  test('one broker for all who name it, another for another name', async () => {
    const [one, same, other] = [
      await memory('a').connect(context()),
      await memory('a').connect(context()),
      await memory('b').connect(context()),
    ]
    await one.admin.createTopics([{ name: 'orders', partitions: 1 }])
    expect((await same.admin.topics()).map(({ name }) => name)).toEqual(['orders'])
    expect(await other.admin.topics()).toEqual([])
    await Promise.all([one.close(), same.close(), other.close()])
  })

  test('empty again when the last connection to it is closed, not before', async () => {
    const transport = memory('a')
    const [one, same] = [await transport.connect(context()), await transport.connect(context())]
    await one.admin.createTopics([{ name: 'orders', partitions: 1 }])
    await Promise.all([one.close(), one.close()])
    const third = await transport.connect(context())
    expect(await third.admin.topics()).toHaveLength(1)
    await same.close()
    await third.close()
    const fourth = await transport.connect(context())
    expect(await fourth.admin.topics()).toEqual([])
    await fourth.close()
  })

  test('says what and where it is', () => {
    expect(memory('a')).toMatchObject({ kind: 'memory', place: 'memory:a' })
  })
})

describe('a connection that is cut', () => {
  test('fails everything that waits and everything that follows', async () => {
    const broker = new MemoryBroker()
    const connection = broker.connect(context('victim'))
    await connection.admin.createTopics([{ name: at.topic, partitions: 1 }])
    const producer = await connection.producer({})
    const batch = producer.append(outgoing(at, 'lost'))
    const asked = connection.admin.topics()
    broker.sever('victim')
    await expect(asked).rejects.toThrow(TransportError)
    expect(batch.error).toBeInstanceOf(TransportError)
    expect(() => producer.append(outgoing(at, 'late'))).toThrow(TransportError)
    await expect(connection.admin.topics()).rejects.toThrow(
      'Cannot describe topics: the connection of "victim" was lost. Connect again.',
    )
    await connection.close()
    const other = broker.connect(context('other'))
    expect(await other.admin.endOffsets([at], 'read-uncommitted')).toEqual([{ ...at, offset: 0 }])
  })

  test('hears nothing more, and leaves its group only when its session ends', async () => {
    const broker = new MemoryBroker()
    const connections = [broker.connect(context('victim')), broker.connect(context('other'))]
    const [victim, other] = connections.map(
      connection => new Seat(connection, { groupId: 'group', sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000 }),
    ) as [Seat, Seat]
    victim.start()
    other.start()
    await clock.settled()
    expect(Seat.agree([victim, other])).toBe(true)
    await other.connection.admin.createTopics([{ name: at.topic, partitions: 1 }])
    const seen = read(victim.connection)
    broker.sever('victim')
    await store(await other.connection.producer({}), ['one'])
    await clock.advance(5900)
    expect([seen.count, Seat.agree([victim, other])]).toEqual([0, true])
    await clock.advance(200)
    expect([Seat.agree([other]), victim.notices, victim.lost]).toEqual([true, victim.notices, []])
  })

  test('leaves its transaction open until the time-out', async () => {
    const broker = new MemoryBroker()
    const [victim, other] = [broker.connect(context('victim')), broker.connect(context('other'))]
    await other.admin.createTopics([{ name: at.topic, partitions: 1 }])
    const producer = await victim.producer({ transactionalId: 'id', transactionTimeoutMs: 10_000 })
    await producer.begin()
    await store(producer, ['never'])
    const seen = read(other)
    await store(await other.producer({}), ['behind'])
    broker.sever('victim')
    await clock.advance(9_999)
    expect(seen.count).toBe(0)
    await clock.advance(1)
    expect(seen.values).toEqual(['behind'])
  })

  test('closing is not cutting: an open transaction is aborted at once', async () => {
    const broker = new MemoryBroker()
    const [closed, other] = [broker.connect(context('closed')), broker.connect(context('other'))]
    await other.admin.createTopics([{ name: at.topic, partitions: 1 }])
    const producer = await closed.producer({ transactionalId: 'id' })
    await producer.begin()
    await store(producer, ['never'])
    const batch = producer.append(outgoing(at, 'not sent'))
    await closed.close()
    expect(batch.error).toBeInstanceOf(ClosedError)
    const seen = read(other)
    await store(await other.producer({}), ['behind'])
    await clock.settled()
    expect(seen.values).toEqual(['behind'])
  })
})

describe('retention', () => {
  test('counts from the later of storing and timestamp, and is applied when somebody looks', async () => {
    const connection = new MemoryBroker().connect(context())
    await connection.admin.createTopics([{ name: at.topic, partitions: 1, retentionMs: 1000 }])
    const producer = await connection.producer({})
    await store(producer, ['old'])
    producer.append(outgoing(at, 'of the future', { timestamp: clock.now() + 5000 }))
    await producer.flush()
    await clock.advance(1000)
    expect(await connection.admin.startOffsets([at])).toEqual([{ ...at, offset: 0 }])
    await clock.advance(1)
    expect(await connection.admin.startOffsets([at])).toEqual([{ ...at, offset: 1 }])
    await clock.advance(6000)
    const seen = read(connection)
    await clock.settled()
    expect([seen.count, seen.position]).toEqual([0, 2])
    expect(await connection.admin.endOffsets([at], 'read-committed')).toEqual([{ ...at, offset: 2 }])
  })
})

describe('fairness', () => {
  test('a long backlog does not hold up another partition', async () => {
    const connection = new MemoryBroker().connect(context())
    await connection.admin.createTopics([{ name: at.topic, partitions: 2 }])
    const producer = await connection.producer({})
    for (let round = 0; round < 50; round++) await store(producer, numbered(2))
    await store(producer, ['short'], 1)
    const reader = connection.reader({ isolation: 'read-committed', onError: error => expect.fail(error.message) })
    const long = new Reading(reader, at, 'earliest')
    const short = new Reading(reader, { ...at, partition: 1 }, 'earliest')
    let before = -1
    short.delivered = () => (before = long.batches.length)
    await clock.settled()
    expect([before, long.count]).toEqual([1, 100])
  })
})

test('the probe of a connection counts what needs no clock', async () => {
  const own = virtualClock()
  const connection = new MemoryBroker().connect({ ...context(), clock: own })
  expect(own.activity()).toEqual({ queued: 0, atWork: 0, asking: 0 })
  const topics = connection.admin.topics()
  expect(own.activity().queued).toBe(1)
  await topics
  expect(own.activity().queued).toBe(0)
  await connection.close()
})

test('a topic that is deleted is an error of its readers', async () => {
  const connection = new MemoryBroker().connect(context())
  await connection.admin.createTopics([{ name: at.topic, partitions: 1 }])
  const errors: Error[] = []
  connection.reader({ isolation: 'read-committed', onError: error => errors.push(error) }).add(at, 'earliest', () => true)
  await clock.settled()
  await connection.admin.deleteTopics([at.topic])
  await clock.settled()
  expect(errors.map(({ message }) => message)).toEqual([
    'Cannot read "orders"[0]: the topic "orders" has been deleted. Remove the partition, and add it again if there is a new one.',
  ])
})
