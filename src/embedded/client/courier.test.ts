import { afterEach, beforeEach, expect, test } from 'vitest'
import { FencedError, TransportError } from '../../errors.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { numbered, outgoing } from '../../testing/contract/messages.js'
import { type Heard, ScriptedBroker } from '../../testing/scripted-broker.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import type { Producer, ProducerOptions } from '../../transport/transport.js'
import { Lifetime } from '../lifetime.js'
import { BatchProducer } from '../producer.js'
import type { ProduceRequest } from '../wire/protocol.js'
import { encodeError } from '../wire/wire-error.js'
import { BlockCourier } from './courier.js'
import { Line } from './line.js'

const clock = virtualClock()
const writer = { producerId: 7, epoch: 1 }
const at = { topic: 'orders', partition: 0 }
let broker: ScriptedBroker
let life: Lifetime

beforeEach(() => {
  broker = new ScriptedBroker()
  life = new Lifetime({ clientId: 'client', clock, random: seededRandom(1), log: silentLogger })
})

afterEach(async () => {
  const closed = life.close()
  await clock.advance('5s')
  await closed
  broker.close()
})

async function open(options: ProducerOptions = {}): Promise<Producer> {
  const opening = BlockCourier.open(life, new Line(life, { directory: './.faust', fsync: false, dial: broker.dial }), options)
  const asked = await broker.expect('openProducer')
  expect(asked.request.transactionalId).toBe(options.transactionalId ?? null)
  broker.answer(asked, writer)
  return new BatchProducer(life, await opening)
}

async function produced(): Promise<Heard & { produced: ProduceRequest }> {
  const heard = await broker.next()
  expect(heard.produced).not.toBeNull()
  return heard as Heard & { produced: ProduceRequest }
}

test('one request is under way at a time, and what comes meanwhile gathers', async () => {
  const producer = await open()
  const first = producer.append(outgoing(at, 'first'))
  const one = await produced()
  const rest = numbered(50).map((value, index) => producer.append(outgoing({ ...at, partition: index % 2 }, value)))
  await clock.settled()
  expect(broker.hasHeardMore).toBe(false)
  broker.answer(one, [40])
  const two = await produced()
  expect([one, two].map(({ produced: { number, transaction, batches } }) => [number, transaction, batches.length])).toEqual([
    [1, 0, 1],
    [2, 0, 2],
  ])
  broker.answer(two, [41, 0])
  await producer.flush()
  expect([first.baseOffset, rest[0]?.baseOffset, rest[1]?.baseOffset]).toEqual([40, 41, 0])
  expect([first, ...rest].every(batch => batch.isSettled && batch.error === null)).toBe(true)
})

test('a request has 4 MiB at most', async () => {
  const producer = await open()
  const value = Buffer.alloc(250_000)
  for (let index = 0; index < 40; index++) producer.append(outgoing(at, value))
  const sizes: number[] = []
  while (sizes.reduce((sum, size) => sum + size, 0) < 40) {
    const heard = await produced()
    sizes.push(heard.produced.batches.length)
    broker.answer(
      heard,
      heard.produced.batches.map((_, index) => index),
    )
  }
  expect(sizes).toEqual([16, 16, 8])
})

test('a request that was not answered comes again with its number, and its batches settle once', async () => {
  const producer = await open()
  const batch = producer.append(outgoing(at, 'one'))
  let times = 0
  batch.onSettled(() => times++)
  const before = await produced()
  broker.cut()
  const after = await produced()
  expect(after).toEqual(before)
  broker.answer(after, [3])
  broker.answer(after, [9])
  await producer.flush()
  await clock.settled()
  expect([batch.baseOffset, times]).toEqual([3, 1])
})

test('each batch has its own fate, and the next ones go on', async () => {
  const producer = await open()
  const [good, bad] = [
    producer.append(outgoing(at, 'good')),
    producer.append(outgoing({ topic: 'nowhere', partition: 0 }, 'bad')),
  ]
  broker.answer(await produced(), [0, encodeError(new TransportError('no such topic'))])
  await producer.flush()
  expect([good.error, bad.error?.message]).toEqual([null, 'no such topic'])
  const next = producer.append(outgoing(at, 'next'))
  broker.answer(await produced(), [1])
  await producer.flush()
  expect(next.baseOffset).toBe(1)
})

test('a producer that was fenced takes nothing any more', async () => {
  const producer = await open({ transactionalId: 'id' })
  await producer.begin()
  const batch = producer.append(outgoing(at, 'one'))
  broker.answer(await produced(), [encodeError(new FencedError('a newer one has the id'))])
  await producer.flush()
  expect(batch.error).toBeInstanceOf(FencedError)
  expect(() => producer.append(outgoing(at, 'two'))).toThrow('a newer one has the id')
  await expect(producer.commit([], null)).rejects.toThrow(FencedError)
})

test('without a broker batches fail two minutes after their first message', async () => {
  const producer = await open()
  broker.isAway = true
  broker.cut()
  const early = producer.append(outgoing(at, 'early'))
  await clock.advance('1m')
  const late = producer.append(outgoing(at, 'late'))
  expect(late).not.toBe(early)
  await clock.advance(59_999)
  expect([early.isSettled, late.isSettled]).toEqual([false, false])
  await clock.advance(1)
  expect(early.error).toMatchObject({ code: 'FAUST_TRANSPORT', retriable: true })
  expect(early.error?.message).toMatch(
    /^Cannot store messages of "orders"\[0\]: the broker in "\.\/\.faust" has not answered for 2m/,
  )
  await clock.advance(59_999)
  expect(late.isSettled).toBe(false)
  await clock.advance(1)
  expect(late.error).toMatchObject({ code: 'FAUST_TRANSPORT' })
  broker.isAway = false
  const next = producer.append(outgoing(at, 'next'))
  const heard = await produced()
  expect(heard.produced.number).toBe(3)
  broker.answer(heard, [0])
  await producer.flush()
  expect(next.error).toBeNull()
})

test('transactions are counted, and their ends say which', async () => {
  const producer = await open({ transactionalId: 'id' })
  for (const count of [1, 2]) {
    await producer.begin()
    producer.append(outgoing(at, 'one'))
    const heard = await produced()
    expect(heard.produced).toMatchObject({ writer, transaction: count, number: count })
    const ended = count === 1 ? producer.commit([], null) : producer.abort()
    broker.answer(heard, [0])
    const asked = await broker.expect('endTransaction')
    expect(asked.request).toEqual({
      type: 'endTransaction',
      writer,
      transaction: count,
      isCommit: count === 1,
      offsets: [],
      membership: null,
    })
    broker.answer(asked, null)
    await ended
  }
})

test('a producer that is closed aborts what is open and says goodbye', async () => {
  const producer = await open({ transactionalId: 'id' })
  await producer.begin()
  const closed = producer.close()
  const ended = await broker.expect('endTransaction')
  expect(ended.request).toMatchObject({ transaction: 1, isCommit: false })
  broker.answer(ended, null)
  broker.answer(await broker.expect('closeProducer'), null)
  await closed
})

test('the goodbye does not wait long for a broker that is away', async () => {
  const producer = await open()
  broker.isAway = true
  broker.cut()
  let isClosed = false
  void producer.close().then(() => (isClosed = true))
  await clock.advance('5s')
  expect(isClosed).toBe(true)
})

test('what was not acknowledged when a producer was closed is not sent again', async () => {
  const producer = await open()
  const batch = producer.append(outgoing(at, 'one'))
  await produced()
  const closed = producer.close()
  expect(batch.error?.message).toContain('the producer is closed')
  broker.cut()
  broker.answer(await broker.expect('closeProducer'), null)
  await closed
})
