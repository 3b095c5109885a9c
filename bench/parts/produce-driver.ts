// The bare side of `produce`: the producer of the broker's driver.
import { App } from 'faust-ts'
import type { Outgoing, OutgoingBatch, Producer } from 'faust-ts/transport'
import { openBroker } from './bench-broker.js'
import { outgoingTo } from './doubling.js'
import { stored } from './fill.js'
import { partitions, valueOf } from './input.js'
import type { Outcome, Trial } from './measure.js'

export const many = (events: number, trial: Trial): Promise<Outcome> =>
  run(events, trial, async (producer, topic) => {
    const message = messagesTo(topic)
    for (let id = 0; id < events; id++) {
      producer.append(message(id))
      if (producer.isFull) await producer.drained()
    }
    await producer.flush()
  })

export const oneByOne = (events: number, trial: Trial): Promise<Outcome> =>
  run(events, trial, async (producer, topic) => {
    const message = messagesTo(topic)
    for (let id = 0; id < events; id++) await acknowledged(producer.append(message(id)))
  })

/** One message object, filled in again for each number. */
export function messagesTo(topic: string): (id: number) => Outgoing {
  const out = outgoingTo(topic)
  return id => {
    out.partition = id % partitions
    out.timestamp = Date.UTC(2026, 0, 1) + id
    out.value = valueOf(id)
    return out
  }
}

type Write = (producer: Producer, topic: string) => Promise<void>

async function run(events: number, trial: Trial, write: Write): Promise<Outcome> {
  const broker = openBroker()
  const topic = broker.name('stored')
  const connection = await new App('bench', { broker: broker.url }).connect()
  await connection.admin.createTopics([{ name: topic, partitions, retentionMs: -1 }])
  const producer = await connection.producer({})
  trial.start()
  await write(producer, topic)
  trial.end()
  const outputs = await stored(connection, topic)
  await connection.close()
  await broker.remove()
  return { events, outputs }
}

function acknowledged(batch: OutgoingBatch): Promise<void> {
  return new Promise((resolve, reject) => batch.onSettled(() => (batch.error === null ? resolve() : reject(batch.error))))
}
