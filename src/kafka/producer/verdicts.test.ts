import { afterEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import { errorCodes } from '../wire/error-codes.js'
import { produce, type ProducedPart } from '../wire/produce.js'
import { ProducerStage, send } from './producer-stage.js'

const orders = { topic: 'orders', partition: 0 }
let stage: ProducerStage
afterEach(() => stage.close())

/** What becomes of the answer to a batch that was stored. */
type Mishap = (stored: ProducedPart) => ProducedPart

test.for<[string, Mishap]>([
  ['does not know what went wrong', stored => ({ ...stored, errorCode: -1, baseOffset: -1 })],
  ['gives a code that is newer than this driver', stored => ({ ...stored, errorCode: 999, baseOffset: -1 })],
  [
    'answers what cannot be read',
    () => {
      throw new TransportError('An answer of the broker cannot be read.', { retriable: false })
    },
  ],
])('a broker that %s may have stored the batch: the next one does not pass for it', async ([, mishap]) => {
  stage = await ProducerStage.open(virtualClock())
  const producer = await stage.producer()
  const mishaps = [mishap]
  stage.fake.on(produce, ({ partitions }, place) => ({
    partitions: partitions.map(part => (mishaps.shift() ?? (stored => stored))(stage.logs.produce(part, place))),
  }))
  const doubtful = send(producer, orders, 'doubtful')
  await stage.settle(producer.flush())
  expect(doubtful.error).toBeInstanceOf(TransportError)
  const next = send(producer, orders, 'next')
  await stage.settle(producer.flush())
  expect([next.error, next.baseOffset, stage.logs.of(orders).values]).toEqual([null, 1, ['doubtful', 'next']])
})

test('a refusal that the metadata knew of before an outage is looked at anew after it', async () => {
  stage = await ProducerStage.open(virtualClock())
  const producer = await stage.producer()
  const known = stage.fake.topics.get('orders')!
  stage.fake.topics.set('orders', { ...known, errorCode: errorCodes.TOPIC_AUTHORIZATION_FAILED, partitions: [] })
  await stage.settle(stage.refresh())
  stage.fake.topics.set('orders', known)
  for (const nodeId of [1, 2]) stage.fake.remove(nodeId)
  const batch = send(producer, orders, 'a')
  await stage.pass(5000)
  for (const nodeId of [1, 2]) stage.fake.add(nodeId)
  await stage.settle(producer.flush())
  expect([batch.error, stage.logs.of(orders).values]).toEqual([null, ['a']])
})

test('a topic that was unknown to a message that has failed since may be unknown to the next one for a while again', async () => {
  stage = await ProducerStage.open(virtualClock())
  const producer = await stage.producer()
  stage.fake.topics.delete('orders')
  await stage.settle(stage.refresh())
  const late = send(producer, orders, 'late')
  await stage.pass(1000)
  stage.fake.setTopic('orders', [-1])
  await stage.settle(producer.flush())
  expect(late.error?.message).toContain('within 120 s')
  stage.fake.topics.delete('orders')
  await stage.settle(stage.refresh())
  const next = send(producer, orders, 'next')
  await stage.pass(1000)
  stage.fake.setTopic('orders', [1])
  await stage.settle(producer.flush())
  expect(next.error).toBe(null)
})
