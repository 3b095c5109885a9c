import { afterEach, beforeEach, expect, test } from 'vitest'
import { ClosedError, EncodeError, TransportError } from '../../errors.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { errorCodes } from '../wire/error-codes.js'
import { field } from '../records/record-batch.js'
import { produce, type ProduceArgs, type ProducedPart } from '../wire/produce.js'
import { initProducerId } from '../wire/transaction.js'
import type { KafkaProducer } from './producer.js'
import { ProducerStage, send } from './producer-stage.js'

const orders = { topic: 'orders', partition: 0 }
const of = (partition: number): { topic: string; partition: number } => ({ topic: 'orders', partition })

let stage: ProducerStage
let producer: KafkaProducer
beforeEach(async () => {
  stage = await ProducerStage.open(virtualClock())
  producer = await stage.producer()
})
afterEach(() => stage.close())

/** The partitions of each request, with the messages for them. */
function shape(requests: readonly ProduceArgs[]): [number, number][][] {
  return requests.map(({ partitions }) =>
    partitions.map(({ partition, batch }) => [partition, Buffer.from(batch).readInt32BE(field.count)]),
  )
}

/** Answers every produce request this way. */
function answer(part: (part: ProduceArgs['partitions'][number], place: string) => Partial<ProducedPart>): void {
  stage.fake.on(produce, ({ partitions }, place) => ({
    partitions: partitions.map(each => {
      const { topic, partition } = each
      const nothing = { topic, partition, errorCode: 0, baseOffset: -1, logStartOffset: -1, errorMessage: null, recordErrors: [] }
      return { ...nothing, ...part(each, place) }
    }),
  }))
}

/** Answers so the first time, and then as brokers do. */
function answerOnce(part: Partial<ProducedPart>): void {
  let isFirst = true
  answer((each, place) => {
    const wasFirst = isFirst
    isFirst = false
    return wasFirst ? part : stage.logs.produce(each, place)
  })
}

test('what is appended in a turn goes out at its end, in one request to each broker', async () => {
  const batches = [0, 1, 2, 0].map((partition, index) => send(producer, of(partition), `${index}`))
  expect([stage.produced.length, batches[0]!.count]).toEqual([0, 2])
  await stage.pass(0)
  expect(shape(stage.produced)).toEqual([
    [
      [0, 2],
      [2, 1],
    ],
    [[1, 1]],
  ])
  expect(batches.map(({ isSettled, baseOffset, error }) => [isSettled, baseOffset, error])).toEqual(
    batches.map(() => [true, 0, null]),
  )
  expect(stage.produced.every(({ transactionalId }) => transactionalId === null)).toBe(true)
})

test('what follows by promises within the turn goes along', async () => {
  for (const value of ['a', 'b', 'c']) {
    send(producer, orders, value)
    await Promise.resolve()
    await Promise.resolve()
  }
  await stage.settle(producer.flush())
  expect(shape(stage.produced)).toEqual([[[0, 3]]])
})

test('while a request is on its way to a broker messages gather; another broker gets its own at once', async () => {
  let release: () => void = () => undefined
  stage.fake.on(produce, async ({ partitions }, place) => {
    if (place === 'b1:9092') await new Promise<void>(resolve => (release = resolve))
    return { partitions: partitions.map(part => stage.logs.produce(part, place)) }
  })
  send(producer, orders, 'a')
  await stage.pass(10)
  for (const value of ['b', 'c']) {
    send(producer, orders, value)
    send(producer, of(2), value)
    send(producer, of(1), value)
    await stage.pass(10)
  }
  const toOne = (): [number, number][][] => shape(stage.produced).filter(([first]) => first![0] !== 1)
  expect([toOne(), stage.logs.of(of(1)).values]).toEqual([[[[0, 1]]], ['b', 'c']])
  release()
  await stage.pass(10)
  expect(
    toOne()
      .at(-1)!
      .toSorted(([a], [b]) => a - b),
  ).toEqual([
    [0, 2],
    [2, 2],
  ])
  release()
  await stage.settle(producer.flush())
  expect(stage.logs.of(orders).values).toEqual(['a', 'b', 'c'])
})

test('what waits for a broker goes to another one when the leader has moved meanwhile', async () => {
  let release: () => void = () => undefined
  stage.fake.on(produce, async ({ partitions }, place) => {
    if (partitions[0]?.partition === 0) await new Promise<void>(resolve => (release = resolve))
    return { partitions: partitions.map(part => stage.logs.produce(part, place)) }
  })
  send(producer, orders, 'a')
  await stage.pass(10)
  send(producer, of(2), 'b')
  stage.fake.setTopic('orders', [1, 2, 2], { epoch: 1 })
  await stage.settle(stage.refresh())
  release()
  await stage.settle(producer.flush())
  const places = stage.fake.requests.filter(({ name }) => name === produce.name).map(({ place }) => place)
  expect([places, stage.logs.of(of(2)).values]).toEqual([['b1:9092', 'b2:9092'], ['b']])
})

test('batches are small until the limit of the topic is known, and then as large as it allows', async () => {
  stage.logs.limits.set('orders', 100_000)
  const value = 'x'.repeat(1000)
  for (let index = 0; index < 50; index++) send(producer, orders, value)
  await stage.settle(producer.flush())
  const before = stage.produced.length
  expect(before).toBeGreaterThan(3)
  for (let index = 0; index < 300; index++) send(producer, orders, value)
  await stage.settle(producer.flush())
  const sizes = stage.produced.map(({ partitions }) => partitions[0]!.batch.length)
  expect(Math.max(...sizes.slice(0, before))).toBeLessThanOrEqual(16 * 1024)
  expect(Math.max(...sizes.slice(before))).toBeLessThanOrEqual(100_000)
  expect(Math.max(...sizes.slice(before))).toBeGreaterThan(95_000)
  expect(stage.requests('DescribeConfigs')).toEqual([{ topics: ['orders'], names: ['max.message.bytes'] }])
})

test('what is larger than the topic takes is refused by append, which asks whether the limit has changed', async () => {
  const most = producer.maxMessageBytes
  expect(() => send(producer, orders, Buffer.alloc(most + 1))).toThrow(EncodeError)
  expect(() => send(producer, orders, '€'.repeat(Math.ceil(most / 3) + 1))).toThrow(/"orders"\[0\].*more than the 1048588/)
  expect(producer.isFull).toBe(false)
  const largest = send(producer, orders, Buffer.alloc(most))
  await stage.settle(producer.flush())
  expect([largest.error, stage.produced.at(-1)!.partitions[0]!.batch.length]).toEqual([null, expect.any(Number)])
  expect(stage.produced.at(-1)!.partitions[0]!.batch.length).toBeLessThanOrEqual(1_048_588)

  stage.logs.limits.set('orders', 3_000_000)
  expect(() => send(producer, orders, Buffer.alloc(2_000_000))).toThrow(EncodeError)
  await stage.pass(10)
  expect(send(producer, orders, Buffer.alloc(2_000_000)).count).toBe(1)
})

test('a timestamp that is none is refused and leaves no batch behind', async () => {
  const message = { ...orders, key: null, keyStart: 0, keyEnd: 0, value: 'x', headers: null }
  expect(() => producer.append({ ...message, timestamp: Number.NaN })).toThrow(EncodeError)
  await stage.settle(producer.flush())
  expect(stage.produced).toEqual([])
})

test.for([
  [
    'MESSAGE_TOO_LARGE',
    'Cannot store a message of 71 bytes in "orders"[0], whose max.message.bytes is 1048588: a message is too large (',
  ],
  ['INVALID_TIMESTAMP', 'Cannot store messages of "orders"[0]: a timestamp is out of what the broker accepts'],
  ['TOPIC_AUTHORIZATION_FAILED', 'Cannot store messages of "orders"[0]: this user may not do that with the topic'],
] as const)('%s is final, for its batch only, and leaves no gap in the numbers', async ([name, message]) => {
  answerOnce({ errorCode: errorCodes[name], errorMessage: 'of 7' })
  const bad = send(producer, orders, 'bad')
  await stage.pass(10)
  expect(bad.error).toMatchObject({ constructor: TransportError, retriable: false })
  expect(bad.error!.message).toContain(message)
  const good = send(producer, orders, 'good')
  await stage.settle(producer.flush())
  expect([good.error, stage.logs.of(orders).values]).toEqual([null, ['good']])
  expect(stage.requests(initProducerId.name).length).toBe(1)
})

test('whoever may not write has a producer all the same; each send asks for the right again', async () => {
  const refusal = { errorCode: errorCodes.CLUSTER_AUTHORIZATION_FAILED, producerId: -1, producerEpoch: -1 }
  stage.fake.on(initProducerId, () => refusal)
  const own = await stage.producer()
  const bad = [send(own, orders, 'bad'), send(own, of(1), 'bad')]
  await stage.settle(own.flush())
  for (const { error } of bad)
    expect(error?.message).toContain('Cannot open a producer: this user may not do that with the cluster')
  expect(stage.requests(initProducerId.name)).toHaveLength(3)
  expect(stage.produced).toEqual([])
  stage.fake.on(initProducerId, () => ({ errorCode: 0, producerId: 9, producerEpoch: 0 }))
  const good = [send(own, orders, 'good'), send(own, of(1), 'good')]
  await stage.settle(own.flush())
  expect(good.map(({ error }) => error)).toEqual([null, null])
  expect(stage.logs.of(orders).values).toEqual(['good'])
})

test('a topic that was hidden when it was last looked at is looked at anew before a message fails', async () => {
  const known = stage.fake.topics.get('orders')!
  stage.fake.topics.set('orders', { ...known, errorCode: errorCodes.TOPIC_AUTHORIZATION_FAILED, partitions: [] })
  await stage.settle(stage.refresh())
  const bad = send(producer, orders, 'bad')
  await stage.settle(producer.flush())
  expect(bad.error?.message).toMatch(/Cannot store messages of "orders"\[0\]: this user .* Grant it Write on the topic/)
  await stage.pass(2000)
  stage.fake.topics.set('orders', known)
  const good = send(producer, orders, 'good')
  await stage.settle(producer.flush())
  expect([good.error, stage.logs.of(orders).values]).toEqual([null, ['good']])
})

test('a request without an answer is repeated as it was, and stored once', async () => {
  let isFirst = true
  answer((part, place) => {
    const stored = stage.logs.produce(part, place)
    if (!isFirst) return stored
    isFirst = false
    throw new TransportError('The connection is lost.')
  })
  const batch = send(producer, orders, 'a')
  await stage.pass(0)
  expect(batch.isSettled).toBe(false)
  send(producer, orders, 'b')
  await stage.settle(producer.flush())
  expect([stage.logs.of(orders).values, batch.baseOffset]).toEqual([['a', 'b'], 0])
  const [first, second] = stage.produced.map(({ partitions }) => Buffer.from(partitions[0]!.batch))
  expect(first!.equals(second!)).toBe(true)
})

test.for([
  ['before it has stored the batch', false],
  ['after it has stored the batch', true],
] as const)(
  'a leader that freezes %s is left once the others name another one; the batch is stored once',
  async ([, hasStored]) => {
    stage.fake.on(produce, ({ partitions }, place) => {
      const isFrozen = place === 'b1:9092'
      const parts = isFrozen && !hasStored ? [] : partitions.map(part => stage.logs.produce(part, place))
      return isFrozen ? new Promise<never>(() => undefined) : { partitions: parts }
    })
    const batch = send(producer, orders, 'a')
    await stage.pass(0)
    stage.fake.frozen.add('b1:9092')
    const later = send(producer, orders, 'b')
    await stage.pass(9000)
    stage.fake.setTopic('orders', [2, 2, 2], { epoch: 1 })
    await stage.pass(3500)
    expect([batch.baseOffset, later.baseOffset, stage.logs.of(orders).values]).toEqual([0, 1, ['a', 'b']])
    const [first, again] = stage.produced.map(({ partitions }) => Buffer.from(partitions[0]!.batch))
    expect(first!.equals(again!)).toBe(true)
  },
)

test('numbers of a batch that may have been stored are not given again: the next one would pass for it', async () => {
  const { TOPIC_AUTHORIZATION_FAILED } = errorCodes
  let attempts = 0
  answer((part, place) => {
    const stored = attempts === 1 ? { errorCode: TOPIC_AUTHORIZATION_FAILED } : stage.logs.produce(part, place)
    if (attempts++ === 0) throw new TransportError('The connection is lost.')
    return stored
  })
  const bad = send(producer, orders, 'failed, although it was stored')
  await stage.settle(producer.flush())
  expect(bad.error?.message).toContain('TOPIC_AUTHORIZATION_FAILED')
  const good = send(producer, orders, 'good')
  await stage.settle(producer.flush())
  expect([good.error, good.baseOffset, stage.logs.of(orders).values.at(-1)]).toEqual([null, 1, 'good'])
})

test('a broker that has lost track of a producer takes its batches under another id; nothing is lost or doubled', async () => {
  const log = stage.logs.of(orders)
  for (const value of ['a', 'b']) {
    send(producer, orders, value)
    send(producer, of(2), value)
    await stage.settle(producer.flush())
  }
  log.forgetProducers()
  const batch = send(producer, orders, 'c')
  send(producer, of(2), 'c')
  await stage.settle(producer.flush())
  send(producer, of(2), 'd')
  await stage.settle(producer.flush())
  expect([log.values, batch.baseOffset, batch.error]).toEqual([['a', 'b', 'c'], 2, null])
  expect(stage.logs.of(of(2)).values).toEqual(['a', 'b', 'c', 'd'])
  expect(stage.requests(initProducerId.name).length).toBe(2)
})

test('a batch that the broker has stored before, and does not remember where, is stored', async () => {
  answerOnce({ errorCode: errorCodes.DUPLICATE_SEQUENCE_NUMBER })
  const batch = send(producer, orders, 'a')
  await stage.settle(producer.flush())
  expect([batch.error, batch.baseOffset]).toEqual([null, -1])
})

test('after two minutes a batch fails with what stood in its way; what comes later is stored', async () => {
  answer(() => ({ errorCode: errorCodes.NOT_ENOUGH_REPLICAS }))
  const batch = send(producer, orders, 'late')
  await stage.pass(119_000)
  expect(batch.isSettled).toBe(false)
  const later = send(producer, orders, 'later')
  await stage.pass(3000)
  expect(batch.error).toMatchObject({ constructor: TransportError, retriable: true })
  expect(batch.error!.message).toMatch(/^Cannot store messages of "orders"\[0\] within 120 s\. .*too few replicas are in sync/)
  answer((part, place) => stage.logs.produce(part, place))
  await stage.settle(producer.flush())
  expect([later.error, stage.logs.of(orders).values]).toEqual([null, ['later']])
})

test('a partition without a leader waits for one; a topic or a partition may come late, and fails when it does not', async () => {
  stage.fake.setTopic('orders', [-1, 2, 1], { epoch: 1 })
  const [waiting, late] = [send(producer, orders, 'a'), send(producer, { topic: 'late', partition: 0 }, 'b')]
  const added = send(producer, of(3), 'e')
  const never = [1, 2].map(index => send(producer, { topic: 'never', partition: index }, 'c'))
  const other = send(producer, of(1), 'd')
  await stage.pass(1000)
  expect([waiting, late, ...never, other].map(({ isSettled }) => isSettled)).toEqual([false, false, false, false, true])
  stage.fake.setTopic('late', [2])
  stage.fake.setTopic('orders', [2, 2, 1, 1], { epoch: 2 })
  await stage.pass(6000)
  expect([waiting, late, added].map(({ error, baseOffset }) => [error, baseOffset])).toEqual(Array(3).fill([null, 0]))
  // As on other brokers: whoever replies takes what is final for a refusal, and it is none.
  for (const { error } of never) expect(error).toMatchObject({ retriable: true })
  expect(never.map(({ error }) => error?.message)).toEqual(
    [1, 2].map(
      n => `Cannot store messages of "never"[${n}]: there is no partition ${n} of "never". Create it, or correct the name.`,
    ),
  )
})

test('credentials that are refused fail what waits, at once', async () => {
  stage.fake.refusal = new TransportError('Cannot log in to the broker at b1:9092 by PLAIN: …', { retriable: false })
  const batch = send(producer, orders, 'a')
  await stage.pass(10)
  expect(batch.error).toBe(stage.fake.refusal)
})

test('it is full at 8 MiB, and drains', async () => {
  await stage.settle(producer.drained())
  let count = 0
  const value = Buffer.alloc(10_000)
  for (; !producer.isFull; count++) send(producer, orders, value)
  expect(count).toBeGreaterThan(830)
  expect(count).toBeLessThan(850)
  await stage.settle(producer.drained())
  expect(producer.isFull).toBe(false)
  await stage.settle(producer.flush())
  expect(stage.logs.of(orders).end).toBe(count)
})

test('one request carries 8 MiB at most, and who finds no room is in the next', async () => {
  stage.fake.setTopic('many', Array<number>(60).fill(1))
  stage.logs.limits.set('many', 1_048_588)
  send(producer, { topic: 'many', partition: 0 }, 'so that its limit is known')
  await stage.settle(producer.flush())
  const before = stage.produced.length
  for (let partition = 0; partition < 60; partition++) send(producer, { topic: 'many', partition }, Buffer.alloc(250_000))
  await stage.settle(producer.flush())
  const [first, second, ...more] = stage.produced
    .slice(before)
    .map(({ partitions }) => partitions.map(({ partition }) => partition))
  expect([first!.length, second!.length, more]).toEqual([33, 27, []])
  expect(new Set([...first!, ...second!]).size).toBe(60)
})

test('closing fails what was not acknowledged and refuses everything', async () => {
  stage.fake.frozen.add('b1:9092')
  const under = send(producer, orders, 'under way')
  await stage.pass(10)
  const waiting = send(producer, orders, 'waiting')
  const flushed = producer.flush()
  await stage.settle(producer.close())
  await stage.settle(flushed)
  for (const batch of [under, waiting]) expect(batch.error).toBeInstanceOf(ClosedError)
  expect(() => send(producer, orders, 'late')).toThrow('Cannot append a message to "orders": the producer is closed.')
  await stage.settle(Promise.all([producer.drained(), producer.flush(), producer.close()]))
  stage.fake.frozen.clear()
  await stage.pass(200_000)
  expect(stage.logs.of(orders).values).toEqual([])
})
