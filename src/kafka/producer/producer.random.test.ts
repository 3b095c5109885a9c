import { afterEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { seededRandom } from '../../lib/random.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import type { OutgoingBatch } from '../../transport/transport.js'
import { errorCodes } from '../wire/error-codes.js'
import { produce, type ProducedPart } from '../wire/produce.js'
import { ProducerStage, send } from './producer-stage.js'

let stage: ProducerStage
afterEach(() => stage.close())

test.for(Array.from({ length: 12 }, (_, seed) => seed + 1))(
  'whatever goes wrong, messages are stored once, in order, where their batch says (seed %i)',
  async seed => {
    const random = seededRandom(seed)
    const chance = (share: number): boolean => random.next() < share
    stage = await ProducerStage.open(virtualClock(), random)
    troubleProduce(chance)
    const producer = await stage.producer()
    const sent: { value: string; partition: number; batch: OutgoingBatch; place: number }[] = []
    for (let round = 0; round < 60; round++) {
      const count = chance(0.1) ? 400 : Math.floor(random.next() * 5)
      for (let index = 0; index < count; index++) {
        const partition = Math.floor(random.next() * 3)
        const value = `${round}:${index}${'.'.repeat(Math.floor(random.next() * 300))}`
        const batch = send(producer, { topic: 'orders', partition }, value)
        sent.push({ value, partition, batch, place: batch.count - 1 })
      }
      if (chance(0.2)) moveLeaders(chance)
      await stage.clock.advance(Math.floor(random.next() * 40))
    }
    stage.fake.setTopic('orders', [1, 2, 1], { epoch: ++epoch })
    await stage.settle(producer.flush())
    for (const partition of [0, 1, 2]) {
      const own = sent.filter(each => each.partition === partition)
      const { values } = stage.logs.of({ topic: 'orders', partition })
      expect(values, `seed ${seed}`).toEqual(own.map(({ value }) => value))
      expect(own.every(({ batch }) => batch.isSettled && batch.error === null)).toBe(true)
      expect(own.map(({ batch, place }) => batch.baseOffset + place)).toEqual(own.map((_, index) => index))
    }
  },
)

/** Requests get lost before or after they are served, partitions refuse, and brokers lose track of producers. */
function troubleProduce(chance: (share: number) => boolean): void {
  stage.fake.on(produce, ({ partitions }, place) => {
    if (chance(0.08)) throw new TransportError(`The connection to ${place} is lost before the request is served.`)
    const parts = partitions.map((part): ProducedPart => {
      const log = stage.logs.of(part)
      const batch = Buffer.from(part.batch)
      if (chance(0.05) && log.storedAs(batch) === null) log.forgetProducers()
      if (chance(0.08)) return refused(part, errorCodes.NOT_ENOUGH_REPLICAS)
      const stored = stage.logs.produce(part, place)
      if (stored.errorCode !== 0) return stored
      if (chance(0.08)) return refused(part, errorCodes.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
      return chance(0.05) ? refused(part, errorCodes.REQUEST_TIMED_OUT) : stored
    })
    if (chance(0.08)) throw new TransportError(`The connection to ${place} is lost before the answer has come.`)
    return { partitions: parts }
  })
}

function refused({ topic, partition }: { topic: string; partition: number }, errorCode: number): ProducedPart {
  return { topic, partition, errorCode, baseOffset: -1, logStartOffset: -1, errorMessage: null, recordErrors: [] }
}

let epoch = 0

function moveLeaders(chance: (share: number) => boolean): void {
  const leaders = [0, 1, 2].map(() => (chance(0.1) ? -1 : chance(0.5) ? 1 : 2))
  stage.fake.setTopic('orders', leaders, { epoch: ++epoch })
}
