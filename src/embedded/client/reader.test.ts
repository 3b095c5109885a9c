import { afterEach, beforeEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import type { Logger } from '../../lib/log.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { numbered, outgoing, Reading } from '../../testing/contract/messages.js'
import { ScriptedBroker } from '../../testing/scripted-broker.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import type { TopicPartition } from '../../transport/transport.js'
import { OpenBlock } from '../block/open-block.js'
import { stamp } from '../block/stored-block.js'
import { Lifetime } from '../lifetime.js'
import { type FetchAnswer, frameKind } from '../wire/protocol.js'
import { Line } from './line.js'
import { EmbeddedReader } from './reader.js'

const clock = virtualClock()
const at = { topic: 'orders', partition: 0 }
let broker: ScriptedBroker
let life: Lifetime
let reader: EmbeddedReader
let warned: unknown[]
let failed: [Error, TopicPartition][]
let passed: TopicPartition[]

beforeEach(() => {
  broker = new ScriptedBroker()
  warned = []
  failed = []
  passed = []
  const log: Logger = { ...silentLogger, warn: (...args) => void warned.push(args) }
  life = new Lifetime({ clientId: 'client', clock, random: seededRandom(1), log })
  reader = new EmbeddedReader(life, new Line(life, { directory: './.faust', fsync: false, dial: broker.dial }), {
    isolation: 'read-committed',
    onError: (...report) => failed.push(report),
    onPassed: place => passed.push(place),
  })
})

afterEach(async () => {
  await life.close()
  broker.close()
})

function block(baseOffset: number, values: readonly string[]): Buffer {
  const open = new OpenBlock()
  for (const value of values) open.add(outgoing(at, value))
  const bytes = open.close()
  stamp(bytes, { baseOffset, storedAt: 1, transaction: 0 })
  return bytes
}

function answer(position: number, more: Partial<FetchAnswer> = {}): Omit<FetchAnswer, 'bytes'> {
  return { topicId: 'id', begin: position, outOfRange: null, position, highWatermark: 100, ...more }
}

test('it asks, hands over one batch for all blocks of an answer, and asks for what comes next', async () => {
  const reading = new Reading(reader, at, 'earliest')
  const first = await broker.expect('fetch')
  expect(first.request).toMatchObject({
    ...at,
    topicId: null,
    from: 'earliest',
    isolation: 'read-committed',
    maxBytes: 256 * 1024,
  })
  expect([reading.position, reader.highWatermark(at)]).toEqual([undefined, undefined])
  broker.feed(first, answer(9, { begin: 3 }), [block(2, numbered(3)), block(5, ['a', 'b'])])
  const second = await broker.expect('fetch')
  expect(second.request).toMatchObject({ topicId: 'id', from: 9 })
  expect(reading.batches.length).toBe(1)
  expect(reading.messages.map(({ offset, value }) => [offset, value])).toEqual([
    [3, 'value-1'],
    [4, 'value-2'],
    [5, 'a'],
    [6, 'b'],
  ])
  expect([reading.batches[0]?.nextOffset, reading.position, reader.highWatermark(at)]).toEqual([9, 9, 100])
  expect(broker.hasHeardMore).toBe(false)
})

test('a partition that is paused asks nothing until it is resumed', async () => {
  const reading = new Reading(reader, at, 0)
  reading.wantsMore = false
  broker.feed(await broker.expect('fetch'), answer(1, { begin: 0 }), [block(0, ['one'])])
  const other = new Reading(reader, { ...at, partition: 1 }, 'latest')
  expect((await broker.expect('fetch')).request.partition).toBe(1)
  await clock.settled()
  expect([reading.count, other.count, broker.hasHeardMore]).toEqual([1, 0, false])
  reading.resume()
  reading.resume()
  expect((await broker.expect('fetch')).request).toMatchObject({ partition: 0, from: 1 })
  await clock.settled()
  expect(broker.hasHeardMore).toBe(false)
})

test('a position that moves on without a batch is told', async () => {
  const reading = new Reading(reader, at, 'latest')
  broker.feed(await broker.expect('fetch'), answer(5))
  const second = await broker.expect('fetch')
  expect([reading.position, passed]).toEqual([5, []])
  broker.feed(second, answer(7, { begin: 5 }))
  expect((await broker.expect('fetch')).request.from).toBe(7)
  expect([reading.position, passed]).toEqual([7, [at]])
})

test('an offset that the log does not have is worth a line in the log', async () => {
  const reading = new Reading(reader, at, 50)
  broker.feed(await broker.expect('fetch'), answer(3, { begin: 2, outOfRange: { start: 2, end: 9 } }), [block(2, ['x'])])
  await broker.expect('fetch')
  expect(reading.values).toEqual(['x'])
  expect(warned).toEqual([[{ ...at, offset: 50, start: 2, end: 9 }, 'offset out of range: reading from the earliest message']])
})

test('what the broker refuses, or what cannot be understood, is an error of that partition', async () => {
  for (const partition of [0, 1, 2]) reader.add({ ...at, partition }, 'earliest', () => true)
  const asked = [await broker.expect('fetch'), await broker.expect('fetch'), await broker.expect('fetch')] as const
  broker.refuse(asked[0], new TransportError('no such topic'))
  broker.feed(asked[1], answer(1), [Buffer.alloc(64, 1)])
  broker.feed(asked[2], answer(1))
  expect((await broker.expect('fetch')).request.partition).toBe(2)
  expect(failed.map(([error, { partition }]) => [error.name, partition])).toEqual([
    ['TransportError', 0],
    ['TransportError', 1],
  ])
  expect(failed[1]?.[0].message).toContain("the broker's answer is no row of whole blocks")
  reader.remove(at)
  reader.add(at, 4, () => true)
  expect((await broker.expect('fetch')).request).toMatchObject({ partition: 0, from: 4, topicId: null })
})

test('an owner that is lost is not noticed', async () => {
  const reading = new Reading(reader, at, 0)
  broker.feed(await broker.expect('fetch'), answer(2, { begin: 0 }), [block(0, numbered(2))])
  const before = await broker.expect('fetch')
  broker.cut()
  const after = await broker.expect('fetch')
  expect(after).toEqual(before)
  broker.feed(after, answer(4, { begin: 2 }), [block(2, ['c', 'd'])])
  await broker.expect('fetch')
  expect(reading.values).toEqual(['value-0', 'value-1', 'c', 'd'])
  expect(failed).toEqual([])
})

test('what was removed is cancelled, and an answer that is on its way goes nowhere', async () => {
  const reading = new Reading(reader, at, 0)
  const asked = await broker.expect('fetch')
  reading.remove()
  broker.feed(asked, answer(2, { begin: 0 }), [block(0, numbered(2))])
  expect(await broker.next()).toMatchObject({ kind: frameKind.cancel, id: asked.id })
  const again = new Reading(reader, at, 1)
  expect((await broker.expect('fetch')).request.from).toBe(1)
  expect([reading.count, again.count]).toEqual([0, 0])
})

test('very many partitions ask for less each', async () => {
  for (let partition = 0; partition < 3000; partition++) reader.add({ ...at, partition }, 'earliest', () => true)
  let sum = 0
  let least = Infinity
  for (let count = 0; count < 3000; count++) {
    const { maxBytes } = (await broker.expect('fetch')).request
    sum += maxBytes
    least = Math.min(least, maxBytes)
  }
  expect(least).toBe(16 * 1024)
  expect(sum).toBeLessThan(100 * 1024 * 1024)
})
