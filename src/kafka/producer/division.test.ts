import { afterEach, beforeEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { Deferred } from '../../lib/deferred.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import type { Outgoing, OutgoingBatch } from '../../transport/transport.js'
import { noCompression } from '../records/fake-batch.js'
import { RecordReader } from '../records/record-reader.js'
import { RecordWriter } from '../records/record-writer.js'
import { findCoordinator } from '../wire/cluster-apis.js'
import { describeConfigs as describe } from '../wire/configs.js'
import { errorCodes } from '../wire/error-codes.js'
import { produce, type ProduceArgs, type ProducedPart } from '../wire/produce.js'
import { addPartitionsToTransaction, endTransaction, initProducerId } from '../wire/transaction.js'
import { divided } from './division.js'
import type { KafkaProducer } from './producer.js'
import { ProducerStage, send } from './producer-stage.js'
import { UnsentBatch } from './unsent-batch.js'

const orders = { topic: 'orders', partition: 0 }

let stage: ProducerStage
let producer: KafkaProducer
beforeEach(async () => {
  stage = await ProducerStage.open(virtualClock())
  producer = await stage.producer()
  send(producer, orders, 'so that the limit is known')
  await stage.settle(producer.flush())
})
afterEach(() => stage.close())

interface Sent {
  readonly value: string
  readonly batch: OutgoingBatch
  readonly place: number
}

function sendAll(values: readonly string[]): Sent[] {
  return values.map(value => {
    const batch = send(producer, orders, value)
    return { value, batch, place: batch.count - 1 }
  })
}

const errorOf = ({ batch, place }: Sent): Error | null => batch.errorAt(place)

test('of a batch that is too large only the message that really is so is refused, by its size; the others keep their order', async () => {
  stage.logs.limits.set('orders', 2000)
  const values = Array.from({ length: 20 }, (_, index) => (index === 6 ? 'x'.repeat(3000) : `${index}`.padEnd(300, '.')))
  const sent = sendAll(values)
  let settled = 0
  for (const batch of new Set(sent.map(each => each.batch))) batch.onSettled(() => settled++)
  expect(new Set(sent.map(({ batch }) => batch)).size).toBe(1)
  await stage.settle(producer.flush())
  const [refused, ...others] = sent.filter(each => errorOf(each) !== null)
  expect([refused!.place, others, settled]).toEqual([6, [], 1])
  expect(errorOf(refused!)).toMatchObject({ constructor: TransportError, retriable: false })
  expect(errorOf(refused!)!.message).toMatch(
    /^Cannot store a message of 307\d bytes in "orders"\[0\], whose max\.message\.bytes is 2000: a message is too large \(MESSAGE_TOO_LARGE\)\. Raise/,
  )
  expect(refused!.batch.error).toBe(errorOf(refused!))
  const stored = stage.logs.of(orders).values
  expect(stored.slice(1)).toEqual(values.toSpliced(6, 1))
  for (const each of sent) if (each !== refused) expect(stored[each.batch.offsetAt(each.place)]).toBe(each.value)
  // No gap in the numbers, and from now on batches are as the topic takes them.
  const attempts = stage.produced.length
  sendAll(Array.from({ length: 12 }, () => 'y'.repeat(300)))
  await stage.settle(producer.flush())
  expect([stage.requests(initProducerId.name).length, stage.produced.length - attempts]).toEqual([1, 3])
})

test('who may not look up the limit sends smaller batches after one that was too large', async () => {
  stage.fake.on(
    produce,
    answering(part => (part.batch.length > 1000 ? errorCodes.MESSAGE_TOO_LARGE : 0)),
  )
  const values = Array.from({ length: 30 }, (_, index) => `${index}`.padEnd(100, '.'))
  stage.fake.on(describe, () => ({ topics: [] }))
  sendAll(values)
  await stage.settle(producer.flush())
  const attempts = stage.produced.length
  sendAll(values)
  await stage.settle(producer.flush())
  expect(stage.produced.slice(attempts).every(({ partitions }) => partitions[0]!.batch.length <= 1000)).toBe(true)
  expect(stage.logs.of(orders).values.slice(1)).toEqual([...values, ...values])
})

test.for(Array.from({ length: 8 }, (_, seed) => seed + 1))(
  'whatever the sizes, what fits is stored once and in order, where its batch says (seed %i)',
  async seed => {
    const random = seededRandom(seed)
    const limit = 200 + Math.floor(random.next() * 3000)
    stage.logs.limits.set('orders', limit)
    const sent: Sent[] = []
    for (let round = 0; round < 6; round++) {
      const count = Math.floor(random.next() * 60)
      const value = (): string => `${sent.length}`.padEnd(Math.floor(random.next() * (random.next() < 0.1 ? 4000 : 400)), '.')
      for (let index = 0; index < count; index++) sent.push(...attempt(value()))
      await stage.clock.advance(Math.floor(random.next() * 20))
    }
    await stage.settle(producer.flush())
    const stored = stage.logs.of(orders).values
    const taken = sent.filter(each => errorOf(each) === null)
    expect(stored.slice(1), `seed ${seed}`).toEqual(taken.map(({ value }) => value))
    for (const { batch, place, value } of taken) expect(stored[batch.offsetAt(place)]).toBe(value)
    for (const each of sent) {
      const bytes = each.value.length + mostFrameBytes
      if (errorOf(each) !== null) expect(bytes).toBeGreaterThan(limit)
      else expect(bytes - 10).toBeLessThanOrEqual(limit)
    }
    for (const { batch } of sent) expect([batch.isSettled, bytesLeft(batch)]).toEqual([true, true])
    expect(stage.requests(initProducerId.name).length).toBe(1)
  },
)

/** Head of the batch, sizes and the like: up to 10 bytes of them depend on the message. */
const mostFrameBytes = 61 + 17

/** Nothing where `append` has refused it, who knows the limit by then. */
function attempt(value: string): Sent[] {
  try {
    return sendAll([value])
  } catch {
    return []
  }
}

/** A batch that is settled keeps no bytes. */
function bytesLeft(batch: OutgoingBatch): boolean {
  return batch instanceof UnsentBatch && batch.bytes === null
}

test('of records that the broker names only these are refused, in its words', async () => {
  stage.fake.on(produce, ({ partitions }, place) => ({
    partitions: partitions.map(part => {
      const bad = valuesOf(part.batch).flatMap((value, index) => (value.startsWith('bad') ? [index] : []))
      if (bad.length === 0) return stage.logs.produce(part, place)
      const recordErrors = bad.map(index => ({ place: index, message: `no key at ${index}` }))
      return { ...refusal(part, errorCodes.INVALID_RECORD), recordErrors, errorMessage: 'two are bad' }
    }),
  }))
  const sent = sendAll(['bad 0', 'a', 'b', 'bad 3', 'bad 4', 'c', 'bad 6'])
  await stage.settle(producer.flush())
  expect(stage.logs.of(orders).values.slice(1)).toEqual(['a', 'b', 'c'])
  expect(sent.map(each => errorOf(each)?.message.match(/INVALID_RECORD: [^)]*/)?.[0] ?? null)).toEqual(
    [0, null, null, 3, 3, null, 6].map(place => (place === null ? null : `INVALID_RECORD: no key at ${place}`)),
  )
  const [alone] = sendAll(['bad'])
  await stage.settle(producer.flush())
  expect(alone!.batch.error?.message).toContain('(INVALID_RECORD: no key at 0)')
})

test('what may have been stored by an earlier try is not divided: it would be stored again', async () => {
  let attempts = 0
  stage.fake.on(produce, ({ partitions }, place) => {
    const parts = partitions.map(part =>
      attempts === 1 ? refusal(part, errorCodes.MESSAGE_TOO_LARGE) : stage.logs.produce(part, place),
    )
    if (attempts++ === 0) throw new TransportError('The connection is lost.')
    return { partitions: parts }
  })
  const sent = sendAll(['a', 'b'])
  await stage.settle(producer.flush())
  expect(sent.map(each => errorOf(each)?.message.replace(/ of \d+ bytes.*/, ''))).toEqual(
    Array(2).fill('Cannot store 2 messages'),
  )
  expect(stage.logs.of(orders).values.slice(1)).toEqual(['a', 'b'])
})

test('tries of a batch that was given up say nothing of the next one: that is divided', async () => {
  stage.fake.on(
    produce,
    answering(() => errorCodes.NOT_ENOUGH_REPLICAS),
  )
  const [late] = sendAll(['late'])
  await stage.settle(producer.flush())
  stage.logs.limits.set('orders', 300)
  stage.fake.on(
    produce,
    answering(() => 0),
  )
  const sent = sendAll(['a'.repeat(200), 'b'.repeat(200)])
  await stage.settle(producer.flush())
  expect([errorOf(late!)?.message, sent.map(errorOf)]).toEqual([expect.stringContaining('within 120 s'), [null, null]])
  expect(new Set(sent.map(({ batch }) => batch)).size).toBe(1)
})

test('what has been divided counts for what it is, until it is settled', async () => {
  stage.fake.setTopic('other', [1])
  stage.logs.limits.set('other', 1_000_000)
  const room = async (): Promise<number> => {
    let count = 0
    for (; !producer.isFull; count++) send(producer, { topic: 'other', partition: 0 }, Buffer.alloc(10_000))
    await stage.settle(producer.flush())
    return count
  }
  // The first time its limit is not known yet.
  await room()
  const before = await room()
  stage.logs.limits.set('orders', 1000)
  sendAll(Array.from({ length: 80 }, () => 'x'.repeat(500)))
  await stage.settle(producer.flush())
  expect([await room(), stage.logs.of(orders).end]).toEqual([before, 81])
})

test('closing while it is asked how much the topic takes fails the messages all the same', async () => {
  stage.logs.limits.set('orders', 100)
  const [sent] = sendAll(['x'.repeat(200), 'y'.repeat(200)])
  stage.fake.on(describe, () => new Promise(() => undefined))
  await stage.pass(50)
  expect(sent!.batch.isSettled).toBe(false)
  await stage.settle(producer.close())
  expect(sent!.batch.error?.message).toContain('the producer is closed')
})

test('what the topic takes is learned too late for a message whose transaction has been aborted, and harms no other', async () => {
  const coordinator = { nodeId: 1, host: 'b1', port: 9092, errorCode: 0, errorMessage: null }
  stage.fake.on(findCoordinator, ({ keys }) => ({ coordinators: keys.map(key => ({ key, ...coordinator })) }))
  stage.fake.on(addPartitionsToTransaction, ({ partitions }) => ({
    partitions: partitions.map(({ topic, partition }) => ({ topic, partition, errorCode: 0 })),
  }))
  stage.fake.on(endTransaction, () => ({ errorCode: 0 }))
  const other = await stage.producer({ transactionalId: 't' })
  await stage.settle(other.begin())
  send(other, orders, 'so that the limit is known')
  await stage.settle(other.commit([], null))
  const asked = new Deferred<{ topics: never[] }>()
  stage.fake.on(describe, () => asked.promise)
  stage.logs.limits.set('orders', 100)
  await stage.settle(other.begin())
  const late = send(other, orders, 'x'.repeat(200))
  await stage.pass(50)
  await stage.settle(other.abort())
  await stage.settle(other.begin())
  const batch = send(other, orders, 'next')
  asked.resolve({ topics: [] })
  await stage.settle(other.commit([], null))
  expect([late.error?.message, batch.error]).toEqual([expect.stringContaining('their transaction was aborted'), null])
})

test('a message comes out of the division as it went in', () => {
  const key = Buffer.from('..key..')
  const message = { ...orders, timestamp: 1_700_000_000_000, key, keyStart: 2, keyEnd: 5, headers: null }
  const messages: Outgoing[] = [
    { ...message, value: 'text: ä€😀' },
    { ...message, key: null, value: null, timestamp: 1_600_000_000_000 },
    { ...message, value: Buffer.from([0, 255, 1]), headers: new Map([['name', Buffer.from('of it')]]) },
    { ...message, value: '', keyEnd: 2 },
  ]
  const whole = new UnsentBatch(orders, { writer: new RecordWriter(noCompression), openedMs: 0, limit: 1000 })
  for (const each of messages) whole.add(each)
  close(whole)
  for (const places of [[], [1], [1, 2, 3]]) {
    const pieces = divided(whole, places, noCompression)
    for (const piece of pieces) close(piece)
    expect(pieces.map(({ count }) => count)).toEqual([0, ...places].map((from, index) => (places[index] ?? 4) - from))
    expect(pieces.flatMap(piece => contents(piece.bytes!))).toEqual(contents(whole.bytes!))
  }
})

function close(batch: UnsentBatch): void {
  batch.close({ producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: false, compression: 'none' })
}

function contents(bytes: Buffer): unknown[] {
  const reader = new RecordReader(orders, 0, { compression: noCompression, checksCrc: true })
  reader.open({ records: bytes, aborted: null })
  const { buffer, timestamps, headers, ...columns } = reader.next()!
  return Array.from(timestamps, (timestamp, at) => ({
    timestamp,
    key: columns.keyStarts[at]! < 0 ? null : buffer.toString('latin1', columns.keyStarts[at], columns.keyEnds[at]),
    value: columns.valueStarts[at]! < 0 ? null : buffer.toString('latin1', columns.valueStarts[at], columns.valueEnds[at]),
    headers: headers?.has(at) ? [...headers.at(at)].map(([name, value]) => [name, value.toString()]) : [],
  }))
}

function valuesOf(bytes: Uint8Array): string[] {
  return contents(Buffer.from(bytes)).map(each => (each as { value: string }).value)
}

function refusal({ topic, partition }: { topic: string; partition: number }, errorCode: number): ProducedPart {
  return { topic, partition, errorCode, baseOffset: -1, logStartOffset: -1, errorMessage: null, recordErrors: [] }
}

function answering(codeFor: (part: ProduceArgs['partitions'][number]) => number) {
  return ({ partitions }: ProduceArgs, place: string): { partitions: ProducedPart[] } => ({
    partitions: partitions.map(part => {
      const code = codeFor(part)
      return code === 0 ? stage.logs.produce(part, place) : refusal(part, code)
    }),
  })
}
