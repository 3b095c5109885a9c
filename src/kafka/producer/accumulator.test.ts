import { afterEach, expect, test } from 'vitest'
import { SendError, TransportError } from '../../errors.js'
import { Deferred } from '../../lib/deferred.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { findCoordinator } from '../wire/cluster-apis.js'
import { errorCodes } from '../wire/error-codes.js'
import { produceInTransaction } from '../wire/produce.js'
import { requiredApis } from '../wire/required.js'
import { endTransactionWithNewEpoch } from '../wire/transaction.js'
import { ProducerStage, send } from './producer-stage.js'

const orders = { topic: 'orders', partition: 0 }
let stage: ProducerStage
afterEach(() => stage.close())

test.for([
  ['is lost', new TransportError('The connection is lost.')],
  ['asks for another try', errorCodes.NOT_ENOUGH_REPLICAS],
] as const)('a batch of an aborted transaction whose answer %s is not sent again', async ([, answer]) => {
  stage = await ProducerStage.open(virtualClock())
  const { fake } = stage
  fake.versions = [...requiredApis, produceInTransaction, endTransactionWithNewEpoch]
  fake.features.set('transaction.version', 2)
  fake.on(findCoordinator, ({ keys }) => ({
    coordinators: keys.map(key => ({ key, nodeId: 1, host: 'b1', port: 9092, errorCode: 0, errorMessage: null })),
  }))
  fake.on(endTransactionWithNewEpoch, () => ({ errorCode: 0, producerId: 7, producerEpoch: 1 }))
  const answered = new Deferred<void>()
  fake.on(produceInTransaction, async ({ partitions }) => {
    await answered.promise
    if (typeof answer !== 'number') throw answer
    const refused = { errorCode: answer, baseOffset: -1, logStartOffset: 0, errorMessage: null, recordErrors: [] }
    return { partitions: partitions.map(({ topic, partition }) => ({ topic, partition, ...refused })) }
  })
  const producer = await stage.producer({ transactionalId: 't' })
  await stage.settle(producer.begin())
  const batch = send(producer, orders, 'a')
  await stage.pass(10)
  const aborting = producer.abort()
  const startedMs = stage.clock.elapsed()
  answered.resolve()
  await stage.settle(aborting)
  expect([batch.error, stage.produced.length]).toEqual([expect.any(SendError), 1])
  expect(stage.clock.elapsed() - startedMs).toBeLessThan(3000)
  await stage.settle(producer.begin())
  fake.on(produceInTransaction, ({ partitions }, place) => ({
    partitions: partitions.map(part => stage.logs.produce(part, place)),
  }))
  send(producer, orders, 'b')
  await stage.settle(producer.commit([], null))
  expect(stage.logs.of(orders).values).toEqual(['b'])
})
