import { expect, test } from 'vitest'
import { silentLogger } from '../lib/log.js'
import { seededRandom } from '../lib/random.js'
import { numbered, outgoing, Reading } from '../testing/contract/messages.js'
import { virtualClock } from '../testing/virtual-clock.js'
import type { Batch, Connection, Producer } from '../transport/transport.js'
import { MemoryBroker } from './memory/broker.js'

const at = { topic: 'orders', partition: 0 }
const clock = virtualClock()

async function start(): Promise<{ connection: Connection; producer: Producer; batches: readonly Batch[] }> {
  const connection = new MemoryBroker().connect({ clientId: 'c', clock, random: seededRandom(1), log: silentLogger })
  await connection.admin.createTopics([{ name: at.topic, partitions: 3 }])
  const reader = connection.reader({ isolation: 'read-committed', onError: error => expect.fail(error.message) })
  const { batches } = new Reading(reader, at, 'earliest')
  return { connection, producer: await connection.producer({}), batches }
}

test('a turn makes one batch, however many messages there are and whatever comes between', async () => {
  const { producer, batches } = await start()
  for (const [index, value] of numbered(100).entries()) producer.append(outgoing({ ...at, partition: index % 3 }, value))
  await clock.settled()
  expect(batches.map(({ count }) => count)).toEqual([34])
})

test('a batch has 1,024 messages at most', async () => {
  const { producer, batches } = await start()
  for (const value of numbered(9000)) producer.append(outgoing(at, value))
  await clock.settled()
  expect(Math.max(...batches.map(({ count }) => count))).toBe(1024)
  expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(9000)
})

test('a batch has 256 KiB at most, unless it is a single message', async () => {
  const { producer, batches } = await start()
  for (let index = 0; index < 60; index++) producer.append(outgoing(at, Buffer.alloc(50 * 1024)))
  producer.append(outgoing(at, 'x'.repeat(900_000)))
  producer.append(outgoing(at, 'small'))
  await clock.settled()
  expect(Math.max(...batches.map(({ count }) => count))).toBe(5)
  expect(batches.slice(-2).map(({ count }) => count)).toEqual([1, 1])
})

test('readers get the very bytes that append wrote', async () => {
  const { connection, producer, batches } = await start()
  for (const value of numbered(5)) producer.append(outgoing(at, value))
  await clock.settled()
  const reader = connection.reader({ isolation: 'read-uncommitted', onError: error => expect.fail(error.message) })
  const again = new Reading(reader, at, 'earliest')
  await clock.settled()
  expect(again.batches[0]).toBe(batches[0])
  expect(again.batches[0]?.bytes).toBe(5 * ('value-0'.length + 32))
})

test('columns that are used again do not show through', async () => {
  const { producer, batches } = await start()
  for (let round = 0; round < 20; round++) {
    for (const value of numbered(30, `round-${round}`))
      producer.append(outgoing(at, round % 2 === 0 ? value : null, { key: value }))
    await producer.flush()
  }
  await clock.settled()
  const texts = batches.flatMap(({ buffer, count, keyStarts, keyEnds, valueStarts, valueEnds }) =>
    Array.from({ length: count }, (_, index) => [
      buffer.toString('utf8', keyStarts[index], keyEnds[index]),
      valueStarts[index] === -1 ? null : buffer.toString('utf8', valueStarts[index], valueEnds[index]),
    ]),
  )
  const expected = Array.from({ length: 20 }, (_, round) =>
    numbered(30, `round-${round}`).map(value => [value, round % 2 === 0 ? value : null]),
  ).flat()
  expect(texts).toEqual(expected)
})

test('text of every width fits, however little room is left', async () => {
  const { producer, batches } = await start()
  const values = Array.from({ length: 3000 }, (_, index) => '€ü🙂a'[index % 4]?.repeat(index % 97) ?? '')
  for (const value of values) {
    producer.append(outgoing(at, value))
    if (value.length === 0) await producer.flush()
  }
  await clock.settled()
  const texts = batches.flatMap(({ buffer, count, valueStarts, valueEnds }) =>
    Array.from({ length: count }, (_, index) => buffer.toString('utf8', valueStarts[index], valueEnds[index])),
  )
  expect(texts).toEqual(values.map(value => Buffer.from(value).toString()))
})

test('a transactional producer takes messages between begin and commit only', async () => {
  const { connection } = await start()
  const producer = await connection.producer({ transactionalId: 'id' })
  const append = (): unknown => producer.append(outgoing(at, 'x'))
  expect(append).toThrow('Cannot append a message to "orders": no transaction is open. Call begin() first.')
  await producer.begin()
  append()
  await expect(producer.begin()).rejects.toThrow('Commit or abort it first')
  const committed = producer.commit([], null)
  expect(append).toThrow('no transaction is open')
  await committed
  await expect(producer.commit([], null)).rejects.toThrow('none is open')
  await producer.abort()
})

test('offsets need a membership, and transactions an id', async () => {
  const { connection, producer } = await start()
  await expect(producer.begin()).rejects.toThrow('this producer has no transactionalId')
  const transactional = await connection.producer({ transactionalId: 'id' })
  await transactional.begin()
  await expect(transactional.commit([{ ...at, offset: 1 }], null)).rejects.toMatchObject({ code: 'FAUST_COMMIT' })
  await transactional.abort()
})

test('headers that no broker takes are refused, and do no harm', async () => {
  const { producer, batches } = await start()
  producer.append(outgoing(at, 'before'))
  const refused = [
    { name: 'n'.repeat(65_536), bytes: 1, message: 'Cannot write the name of a header with 65536 bytes to "orders"[0]' },
    { name: 'name', bytes: 1024 * 1024, message: 'Cannot write headers of 1048594 bytes to "orders"[0]' },
  ]
  for (const { name, bytes, message } of refused) {
    const headers = new Map([[name, Buffer.alloc(bytes)]])
    expect(() => producer.append(outgoing(at, 'x', { headers }))).toThrow(message)
    expect(() => producer.append(outgoing({ ...at, partition: 1 }, 'x', { headers }))).toThrow('Cannot write')
  }
  producer.append(outgoing(at, 'after', { headers: new Map([['n'.repeat(65_535), Buffer.alloc(900_000)]]) }))
  await clock.settled()
  expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(2)
})
