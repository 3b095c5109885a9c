import { afterEach, beforeEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { errorCodes } from '../wire/error-codes.js'
import { initProducerId, type InitProducerAnswer } from '../wire/transaction.js'
import type { KafkaProducer } from './producer.js'
import { ProducerStage, send } from './producer-stage.js'

const orders = { topic: 'orders', partition: 0 }
const other = { topic: 'orders', partition: 1 }
const refusal = { errorCode: errorCodes.CLUSTER_AUTHORIZATION_FAILED, producerId: -1, producerEpoch: -1 }

let stage: ProducerStage
/** Has no identity yet. */
let producer: KafkaProducer
beforeEach(async () => {
  stage = await ProducerStage.open(virtualClock())
  stage.fake.on(initProducerId, () => refusal)
  producer = await stage.producer()
})
afterEach(() => stage.close())

const unanswered = (): InitProducerAnswer => {
  throw new TransportError('The connection is lost.')
}
const unready = (): InitProducerAnswer => ({ ...refusal, errorCode: errorCodes.COORDINATOR_NOT_AVAILABLE })

test.for([
  ['gives no answer', unanswered],
  ['is not ready', unready],
] as const)('whoever has no identity yet, when the cluster %s, sends once it has one', async ([, answer]) => {
  stage.fake.on(initProducerId, answer)
  stage.fake.requests.length = 0
  const sent = [send(producer, orders, 'a'), send(producer, other, 'b')]
  await stage.pass(58_000)
  sent.push(send(producer, orders, 'c'))
  await stage.pass(10_000)
  expect(stage.requests(initProducerId.name).length).toBeLessThan(300)
  stage.fake.on(initProducerId, () => ({ errorCode: 0, producerId: 9, producerEpoch: 0 }))
  await stage.settle(producer.flush())
  expect(sent.map(({ error }) => error)).toEqual([null, null, null])
  expect([stage.logs.of(orders).values, stage.logs.of(other).values]).toEqual([['a', 'c'], ['b']])
})

test('whoever gets no identity for as long as a message may wait hears that it was not stored', async () => {
  stage.fake.on(initProducerId, unanswered)
  const batch = send(producer, orders, 'a')
  await stage.pass(119_000)
  expect(batch.isSettled).toBe(false)
  await stage.settle(producer.flush())
  expect(batch.error?.message).toContain('Cannot store messages of "orders"[0] within 120 s')
})
