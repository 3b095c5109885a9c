import { afterEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { virtualClock } from '../../testing/virtual-clock.js'
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
