import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CommitError, FencedError, SendError, TransportError } from '../../errors.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import type { Membership, TopicPartition } from '../../transport/transport.js'
import { errorCodes } from '../wire/error-codes.js'
import { field } from '../records/record-batch.js'
import type { Api, PartsAnswer } from '../wire/api.js'
import { findCoordinator } from '../wire/cluster-apis.js'
import { produce, produceInTransaction, type ProducedPart } from '../wire/produce.js'
import { requiredApis } from '../wire/required.js'
import * as wire from '../wire/transaction.js'
import type { KafkaProducer } from './producer.js'
import { ProducerStage, send } from './producer-stage.js'

const orders = { topic: 'orders', partition: 0 }
const membership: Membership = {
  groupId: 'g',
  memberId: 'm',
  instanceId: 'i',
  generation: 4,
  isLeader: false,
  assignment: Buffer.alloc(0),
}

let stage: ProducerStage
let epoch: number
/** What the coordinators answer to the next requests of a kind; nothing is 0. */
let codes: Record<string, number[]>
/** How many answers of a kind do not come back, although the requests are served. */
let lost: Record<string, number>

beforeEach(async () => {
  stage = await ProducerStage.open(virtualClock())
  epoch = -1
  codes = {}
  lost = {}
  const { fake } = stage
  fake.versions = [...requiredApis, produceInTransaction, wire.commitOffsetsInTransaction, wire.endTransactionWithNewEpoch]
  const code = (name: string): number => codes[name]?.shift() ?? 0
  fake.on(findCoordinator, ({ keys }) => ({
    coordinators: keys.map(key => ({ key, nodeId: 1, host: 'b1', port: 9092, errorCode: 0, errorMessage: null })),
  }))
  const serve = <Args, Answer>(api: Api<Args, Answer>, reply: (args: Args) => Answer): void =>
    fake.on(api, args => {
      const answer = reply(args)
      if ((lost[api.name] ?? 0) === 0) return answer
      lost[api.name] = lost[api.name]! - 1
      throw new TransportError('The connection is lost.')
    })
  const identity = (name: string): wire.InitProducerAnswer => {
    const errorCode = code(name)
    return { errorCode, producerId: 7, producerEpoch: errorCode === 0 ? ++epoch : -1 }
  }
  const refuse = (name: string, partitions: readonly TopicPartition[]): PartsAnswer => ({
    partitions: partitions.map(({ topic, partition }) => ({ topic, partition, errorCode: code(name) })),
  })
  serve(wire.initProducerId, () => identity('InitProducerId'))
  serve(wire.endTransactionWithNewEpoch, ({ isCommitted }) => {
    if (fake.features.get('transaction.version') === 2) return identity(isCommitted ? 'commit' : 'abort')
    return { errorCode: code(isCommitted ? 'commit' : 'abort'), producerId: 7, producerEpoch: epoch }
  })
  serve(wire.addPartitionsToTransaction, ({ partitions }) => refuse('AddPartitionsToTxn', partitions))
  serve(wire.addOffsetsToTransaction, () => ({ errorCode: code('AddOffsetsToTxn') }))
  serve(wire.commitOffsetsInTransaction, ({ partitions }) => refuse('TxnOffsetCommit', partitions))
})
afterEach(() => stage.close())

/** Names of requests since the last call, without those that every connection makes. */
function requests(): string[] {
  const names = stage.fake.requests.splice(0).map(({ name }) => name)
  return names.filter(name => !['ApiVersions', 'Metadata', 'FindCoordinator', 'DescribeConfigs'].includes(name))
}

function open(): Promise<KafkaProducer> {
  return stage.producer({ transactionalId: 't', transactionTimeoutMs: 5000 })
}

async function transact(producer: KafkaProducer, value: string, isKept = true): Promise<void> {
  await stage.settle(producer.begin())
  send(producer, orders, value)
  await stage.settle(producer.flush())
  await stage.settle(isKept ? producer.commit([], null) : producer.abort())
}

const refused = (promise: Promise<unknown>): Promise<unknown> => stage.settle(promise.catch((error: unknown) => error))

/** Producer epoch and first number of every batch. */
function written(): [number, number][] {
  return stage.logs
    .of(orders)
    .batches.map(batch => [batch.readInt16BE(field.producerEpoch), batch.readInt32BE(field.baseSequence)])
}

describe('version 2', () => {
  beforeEach(() => void stage.fake.features.set('transaction.version', 2))

  test('needs nothing but the batches and their end, which brings the next epoch', async () => {
    const producer = await open()
    await transact(producer, 'a')
    await transact(producer, 'b', false)
    await transact(producer, 'c')
    expect(requests()).toEqual(['InitProducerId', 'Produce', 'EndTxn', 'Produce', 'EndTxn', 'Produce', 'EndTxn'])
    expect(written()).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ])
  })

  test('commits offsets with the identity of the member, and of the topics', async () => {
    const producer = await open()
    await stage.settle(producer.begin())
    await stage.settle(producer.commit([{ ...orders, topicId: 'one', offset: 12 }], membership))
    expect(stage.requests('TxnOffsetCommit')).toEqual([
      {
        ...{ transactionalId: 't', producerId: 7, producerEpoch: 0 },
        ...{ groupId: 'g', memberId: 'm', instanceId: 'i', generation: 4 },
        partitions: [{ ...orders, logId: 'one@fake', offset: 12 }],
      },
    ])
    expect(requests()).toEqual(['InitProducerId', 'TxnOffsetCommit', 'EndTxn'])
  })

  test('an end whose answer is lost is asked for again', async () => {
    const producer = await open()
    lost = { [wire.endTransactionWithNewEpoch.name]: 1 }
    await transact(producer, 'a')
    await transact(producer, 'b')
    expect(requests()).toEqual(['InitProducerId', 'Produce', 'EndTxn', 'EndTxn', 'Produce', 'EndTxn'])
  })

  test('an abort of what the coordinator does not know is done, and the next transaction has another epoch', async () => {
    const producer = await open()
    codes = { abort: [errorCodes.INVALID_TXN_STATE] }
    await transact(producer, 'a', false)
    await transact(producer, 'b')
    expect(requests()).toEqual(['InitProducerId', 'Produce', 'EndTxn', 'InitProducerId', 'Produce', 'EndTxn'])
    expect(written().at(-1)).toEqual([1, 0])
  })

  test('a transaction that the broker has ended by itself cannot be committed', async () => {
    const producer = await open()
    codes = { commit: [errorCodes.INVALID_TXN_STATE] }
    const error = await refused(transact(producer, 'a'))
    expect(error).toBeInstanceOf(FencedError)
    expect(String(error)).toContain('Cannot commit the transaction of "t": the broker has aborted it')
    expect(() => send(producer, orders, 'late')).toThrow(FencedError)
  })
})

describe('version 1', () => {
  test('adds each partition once, before its first batch, and the group before the offsets; numbers go on', async () => {
    const producer = await open()
    await stage.settle(producer.begin())
    for (const value of ['a', 'b']) {
      for (const partition of [0, 2]) send(producer, { topic: 'orders', partition }, value)
      await stage.settle(producer.flush())
    }
    await stage.settle(producer.commit([{ ...orders, offset: 3 }], membership))
    expect(stage.requests('AddPartitionsToTxn')).toMatchObject([{ partitions: [orders, { topic: 'orders', partition: 2 }] }])
    const first = ['AddPartitionsToTxn', 'Produce', 'Produce', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn']
    expect(requests()).toEqual(['InitProducerId', ...first])
    await transact(producer, 'c')
    expect(requests()).toEqual(['AddPartitionsToTxn', 'Produce', 'EndTxn'])
    expect(written()).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ])
  })

  test('after an abort the next transaction has the next epoch, which only the current producer gets', async () => {
    const producer = await open()
    await transact(producer, 'a', false)
    await transact(producer, 'b')
    expect(stage.requests('InitProducerId').at(-1)).toMatchObject({ current: { producerId: 7, producerEpoch: 0 } })
    expect(written()).toEqual([
      [0, 0],
      [1, 0],
    ])
    codes = { InitProducerId: [errorCodes.PRODUCER_FENCED] }
    await transact(producer, 'c', false)
    expect(await refused(producer.begin())).toBeInstanceOf(FencedError)
    expect(() => send(producer, orders, 'late')).toThrow(FencedError)
  })

  test.for([wire.endTransaction, wire.addPartitionsToTransaction, wire.addOffsetsToTransaction])(
    'after a $name that was sent twice the next transaction has another epoch: the first could still come',
    async api => {
      const producer = await open()
      lost = { [api.name]: 1 }
      await stage.settle(producer.begin())
      send(producer, orders, 'a')
      await stage.settle(producer.commit([{ ...orders, offset: 3 }], membership))
      requests()
      await transact(producer, 'b')
      expect(requests()).toEqual(['InitProducerId', 'AddPartitionsToTxn', 'Produce', 'EndTxn'])
      expect(written()).toEqual([
        [0, 0],
        [1, 0],
      ])
    },
  )

  test('a partition that is refused fails its messages; the others are added without it', async () => {
    const producer = await open()
    const { TOPIC_AUTHORIZATION_FAILED, OPERATION_NOT_ATTEMPTED } = errorCodes
    codes = { AddPartitionsToTxn: [TOPIC_AUTHORIZATION_FAILED, OPERATION_NOT_ATTEMPTED] }
    await stage.settle(producer.begin())
    const [bad, good] = [0, 2].map(partition => send(producer, { topic: 'orders', partition }, 'x'))
    expect(await refused(producer.commit([], null))).toBeInstanceOf(SendError)
    expect(bad!.error!.message).toContain('this user may not do that with the topic')
    expect(good!.error).toBeNull()
    await stage.settle(producer.abort())
    expect(requests()).toEqual(['InitProducerId', 'AddPartitionsToTxn', 'AddPartitionsToTxn', 'Produce', 'EndTxn'])
  })

  test('what is aborted while partitions are being added is ended after that', async () => {
    const producer = await open()
    lost = { AddPartitionsToTxn: 1 }
    await stage.settle(producer.begin())
    send(producer, orders, 'a')
    await stage.pass(0)
    expect(requests()).toEqual(['InitProducerId', 'AddPartitionsToTxn'])
    await stage.settle(producer.abort())
    expect(requests()).toEqual(['AddPartitionsToTxn', 'EndTxn'])
  })
})

describe.for([1, 2])('either version (%i)', version => {
  beforeEach(() => void stage.fake.features.set('transaction.version', version))

  test('an empty transaction costs nothing', async () => {
    const producer = await open()
    for (const end of ['commit', 'abort'] as const) {
      await stage.settle(producer.begin())
      await stage.settle(end === 'commit' ? producer.commit([], null) : producer.abort())
    }
    expect(requests().slice(1)).toEqual([])
  })

  test('who calls out of turn is told so', async () => {
    const producer = await open()
    expect(() => send(producer, orders, 'a')).toThrow('Cannot append a message to "orders": no transaction is open.')
    expect(await refused(producer.commit([], null))).toBeInstanceOf(TransportError)
    await stage.settle(producer.abort())
    await stage.settle(producer.begin())
    expect(await refused(producer.begin())).toBeInstanceOf(TransportError)
    expect(await refused(producer.commit([{ ...orders, offset: 1 }], null))).toBeInstanceOf(CommitError)
    const plain = await stage.producer()
    for (const call of [() => plain.begin(), () => plain.commit([], null), () => plain.abort()]) {
      expect(String(await refused(call()))).toContain('this producer has no transactionalId')
    }
  })

  test('what was not stored fails the commit; the transaction can be aborted, and the next one works', async () => {
    const producer = await open()
    await stage.settle(producer.begin())
    send(producer, { topic: 'nowhere', partition: 0 }, 'bad')
    const error = await refused(producer.commit([], null))
    expect(error).toBeInstanceOf(SendError)
    expect(await refused(producer.commit([], null))).toBeInstanceOf(TransportError)
    await stage.settle(producer.abort())
    await transact(producer, 'good')
    expect(stage.logs.of(orders).values).toEqual(['good'])
  })

  test('abort fails what was not sent, and waits for what was', async () => {
    const producer = await open()
    let release: () => void = () => undefined
    stage.fake.on(produce, async ({ partitions }, place) => {
      await new Promise<void>(resolve => (release = resolve))
      return { partitions: partitions.map(part => stage.logs.produce(part, place)) }
    })
    await stage.settle(producer.begin())
    const sent = send(producer, orders, 'sent')
    await stage.pass(200)
    const unsent = send(producer, orders, 'unsent')
    const aborted = producer.abort()
    await stage.pass(200)
    expect([sent.isSettled, unsent.error]).toEqual([false, expect.any(SendError)])
    expect(requests()).not.toContain('EndTxn')
    release()
    await stage.settle(aborted)
    expect([sent.error, requests().at(-1)]).toEqual([null, 'EndTxn'])
  })

  test.for(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'] as const)('%s of a batch is the end of the producer', async name => {
    const producer = await open()
    await stage.settle(producer.begin())
    stage.fake.on(produce, ({ partitions }) => ({ partitions: partitions.map(part => refusal(part, errorCodes[name])) }))
    const [first, second] = [0, 1].map(partition => send(producer, { topic: 'orders', partition }, 'x'))
    await stage.settle(producer.flush())
    expect([first!.error, second!.error]).toEqual([expect.any(FencedError), expect.any(FencedError)])
    expect(() => send(producer, orders, 'late')).toThrow(FencedError)
    requests()
    for (const call of [() => producer.commit([], null), () => producer.abort(), () => producer.begin()]) {
      expect(await refused(call())).toBeInstanceOf(FencedError)
    }
    await stage.settle(producer.close())
    expect(requests()).toEqual([])
  })

  test('a batch that is too large is divided within its transaction; a message that is too large fails the commit', async () => {
    const producer = await open()
    await transact(producer, 'so that the limit is known')
    stage.logs.limits.set('orders', 500)
    await stage.settle(producer.begin())
    for (let count = 0; count < 10; count++) send(producer, orders, 'x'.repeat(100))
    await stage.settle(producer.commit([], null))
    expect(stage.logs.of(orders).end).toBe(11)
    stage.logs.limits.set('orders', 300)
    await stage.settle(producer.begin())
    for (const bytes of [100, 400, 100]) send(producer, orders, 'y'.repeat(bytes))
    const error = await refused(producer.commit([], null))
    expect(error).toBeInstanceOf(SendError)
    expect(String(error)).toContain('whose max.message.bytes is 300')
    await stage.settle(producer.abort())
    await transact(producer, 'another')
    expect(stage.logs.of(orders).end).toBe(14)
  })

  test('an end that is fenced is the end of the producer', async () => {
    const producer = await open()
    stage.fake.on(wire.endTransaction, () => ({ errorCode: errorCodes.PRODUCER_FENCED, producerId: -1, producerEpoch: -1 }))
    expect(await refused(transact(producer, 'a'))).toBeInstanceOf(FencedError)
    expect(await refused(producer.begin())).toBeInstanceOf(FencedError)
  })

  test.for(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'] as const)(
    '%s fences the membership, not the producer: the transaction can be aborted',
    async name => {
      const producer = await open()
      codes = { TxnOffsetCommit: [errorCodes[name]] }
      await stage.settle(producer.begin())
      send(producer, orders, 'of a zombie')
      expect(await refused(producer.commit([{ ...orders, offset: 1 }], membership))).toBeInstanceOf(FencedError)
      await stage.settle(producer.abort())
      await transact(producer, 'rightful')
      expect(requests()).toContain('EndTxn')
    },
  )

  test('while the transaction before is still being ended, everything is asked again', async () => {
    const producer = await open()
    const { CONCURRENT_TRANSACTIONS: busy } = errorCodes
    codes = { commit: [busy], AddPartitionsToTxn: [busy], AddOffsetsToTxn: [busy], TxnOffsetCommit: [busy] }
    let isFirst = true
    stage.fake.on(produce, ({ partitions }, place) => {
      const errorCode = isFirst ? busy : 0
      isFirst = false
      return { partitions: partitions.map(part => (errorCode === 0 ? stage.logs.produce(part, place) : refusal(part, busy))) }
    })
    await stage.settle(producer.begin())
    const batch = send(producer, orders, 'a')
    await stage.settle(producer.commit([{ ...orders, offset: 1 }], membership))
    expect([batch.error, stage.logs.of(orders).values]).toEqual([null, ['a']])
    expect(Object.values(codes).flat().length).toBe(version === 1 ? 0 : 2)
  })

  test('a commit without an answer is neither done nor undone: the producer is of no use any more', async () => {
    const producer = await open()
    lost = { [wire.endTransaction.name]: Infinity }
    const error = await refused(transact(producer, 'a'))
    expect(error).toBeInstanceOf(CommitError)
    expect(error).toMatchObject({ retriable: false })
    expect(String(error)).toContain('whether it has been is not known')
    expect(await refused(producer.begin())).toBeInstanceOf(TransportError)
    expect(() => send(producer, orders, 'late')).toThrow('whether it has been is not known')
  })

  test('closing aborts what is open, and does not wait long for it', async () => {
    const producer = await open()
    await stage.settle(producer.begin())
    send(producer, orders, 'a')
    await stage.settle(producer.flush())
    await stage.settle(producer.close())
    expect(stage.requests('EndTxn')).toMatchObject([{ isCommitted: false }])
    const other = await open()
    await stage.settle(other.begin())
    send(other, orders, 'b')
    await stage.settle(other.flush())
    stage.fake.frozen.add('b1:9092')
    const startedMs = stage.clock.elapsed()
    await stage.settle(other.close())
    expect(stage.clock.elapsed() - startedMs).toBeLessThan(2500)
    expect(await refused(other.begin())).toMatchObject({ code: 'FAUST_CLOSED' })
  })
})

function refusal({ topic, partition }: { topic: string; partition: number }, errorCode: number): ProducedPart {
  return { topic, partition, errorCode, baseOffset: -1, logStartOffset: -1, errorMessage: null, recordErrors: [] }
}
