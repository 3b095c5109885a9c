// The bare side of `produce`: the producer of the broker's driver.
import { App } from 'faust-ts'
import type { Outgoing, OutgoingBatch, Producer } from 'faust-ts/transport'
import { openBroker } from './bench-broker.js'
import { stored } from './fill.js'
import { partitions, valueOf } from './input.js'
import type { Outcome, Trial } from './measure.js'

export const many = (events: number, trial: Trial): Promise<Outcome> =>
  run(events, trial, async producer => {
    for (let id = 0; id < events; id++) {
      producer.append(message(id))
      if (producer.isFull) await producer.drained()
    }
    await producer.flush()
  })

export const oneByOne = (events: number, trial: Trial): Promise<Outcome> =>
  run(events, trial, async producer => {
    for (let id = 0; id < events; id++) await acknowledged(producer.append(message(id)))
  })

async function run(events: number, trial: Trial, write: (producer: Producer) => Promise<void>): Promise<Outcome> {
  const broker = openBroker()
  const connection = await new App('bench', { broker: broker.url }).connect()
  await connection.admin.createTopics([{ name: 'stored', partitions, retentionMs: -1 }])
  const producer = await connection.producer({})
  trial.start()
  await write(producer)
  trial.end()
  const outputs = await stored(connection, 'stored')
  await connection.close()
  broker.remove()
  return { events, outputs }
}

const out: Outgoing = {
  topic: 'stored',
  partition: 0,
  timestamp: 0,
  key: null,
  keyStart: 0,
  keyEnd: 0,
  value: null,
  headers: null,
}

function message(id: number): Outgoing {
  out.partition = id % partitions
  out.timestamp = Date.UTC(2026, 0, 1) + id
  out.value = valueOf(id)
  return out
}

function acknowledged(batch: OutgoingBatch): Promise<void> {
  return new Promise((resolve, reject) => batch.onSettled(() => (batch.error === null ? resolve() : reject(batch.error))))
}
