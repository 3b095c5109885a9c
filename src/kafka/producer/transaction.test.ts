import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CommitError, FencedError, SendError, TransportError } from '../../errors.js'
import type { Membership } from '../../transport/transport.js'
import { errorCodes } from '../error-codes.js'
import { field } from '../record-batch.js'
import { findCoordinator } from '../wire/cluster-apis.js'
import { produce, produceInTransaction } from '../wire/produce.js'
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

beforeEach(async () => {
  stage = await ProducerStage.open()
  epoch = -1
  codes = {}
  const { fake } = stage
  fake.versions = [...requiredApis, produceInTransaction, wire.commitOffsetsInTransaction, wire.endTransactionWithNewEpoch]
  const code = (name: string): number => codes[name]?.shift() ?? 0
  fake.on(findCoordinator, ({ keys }) => ({
    coordinators: keys.map(key => ({ key, nodeId: 1, host: 'b1', port: 9092, errorCode: 0, errorMessage: null })),
  }))
  const identity = (name: string): wire.InitProducerAnswer => {
    const errorCode = code(name)
    return { errorCode, producerId: 7, producerEpoch: errorCode === 0 ? ++epoch : -1 }
  }
  fake.on(wire.initProducerId, () => identity('InitProducerId'))
  fake.on(wire.endTransactionWithNewEpoch, ({ isCommitted }) => identity(isCommitted ? 'commit' : 'abort'))
  fake.on(wire.addPartitionsToTransaction, ({ partitions }) => ({
    partitions: partitions.map(part => ({ ...part, errorCode: code('AddPartitionsToTxn') })),
  }))
  fake.on(wire.addOffsetsToTransaction, () => ({ errorCode: code('AddOffsetsToTxn') }))
  fake.on(wire.commitOffsetsInTransaction, ({ partitions }) => ({
    partitions: partitions.map(part => ({ ...part, errorCode: code('TxnOffsetCommit') })),
  }))
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
  return stage.logs.of(orders).batches.map(batch => [
    batch.readInt16BE(field.producerEpoch),
    batch.readInt32BE(field.baseSequence),
  ])
}

describe('version 2', () => {
  beforeEach(() => stage.fake.features.set('transaction.version', 2))

  test('needs nothing but the batches and their end, which brings the next epoch', async () => {
    // Features are learned with the connection.
    const producer = await open()
    expect(requests()).toEqual(['InitProducerId'])
    await transact(producer, 'a')
    await transact(producer, 'b', false)
    await transact(producer, 'c')
    expect(requests()).toEqual(['Produce', 'EndTxn', 'Produce', 'EndTxn', 'Produce', 'EndTxn'])
    expect(written()).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ])
  })

  test('commits offsets with the identity of the member', async () => {
    const producer = await open()
    await stage.settle(producer.begin())
    requests()
    const committed = producer.commit([{ ...orders, offset: 12 }], membership)
    await stage.settle(committed)
    const [offsets] = stage.requests('TxnOffsetCommit')
    expect(offsets).toEqual({
      transactionalId: 't',
      producerId: 7,
      producerEpoch: 0,
      groupId: 'g',
      memberId: 'm',
      instanceId: 'i',
      generation: 4,
      partitions: [{ ...orders, offset: 12 }],
    })
    expect(requests()).toEqual(['TxnOffsetCommit', 'EndTxn'])
  })
})
