// The variants on kafkajs, as its documentation would have them: whole batches, four partitions at once.
import { App } from 'faust-ts'
import type { Connection } from 'faust-ts/transport'
import { Kafka, Partitioners, logLevel, type EachBatchPayload, type Message, type Producer } from 'kafkajs'
import { openBroker, progress, type BenchBroker } from './bench-broker.js'
import { fill, outputsOf, stored } from './fill.js'
import { isKept, partitions, valueOf, type BenchEvent } from './input.js'
import type { Outcome, Trial } from './measure.js'

export async function stateless(events: number, trial: Trial): Promise<Outcome> {
  const broker = openBroker()
  const connection = await new App('bench', { broker: broker.url }).connect()
  await fill(connection, broker, events)
  const kafka = open(broker)
  const worked = progress(events, trial)
  const producer = kafka.producer(producing)
  await producer.connect()
  const topic = broker.name('doubled')
  const disconnect = await readAll(kafka, { broker, events }, async ({ batch }) => {
    const messages: Message[] = []
    for (const { key, value, timestamp } of batch.messages) {
      const event = JSON.parse(value!.toString()) as BenchEvent
      if (isKept(event)) messages.push({ key, value: JSON.stringify({ id: event.id, double: event.amount * 2 }), timestamp })
    }
    if (messages.length > 0) await producer.send({ topic, messages })
    worked(batch.messages.length)
  })
  trial.end()
  await disconnect()
  await producer.disconnect()
  const outcome = await outputsOf(connection, broker, trial.checked)
  await close(connection, broker)
  return { events, ...outcome }
}

export async function consume(events: number, trial: Trial): Promise<Outcome> {
  const broker = openBroker()
  const connection = await new App('bench', { broker: broker.url }).connect()
  await fill(connection, broker, events)
  let bytes = 0
  trial.start()
  const disconnect = await readAll(open(broker), { broker, events }, async ({ batch }) => {
    for (const { value } of batch.messages) bytes += value!.length
  })
  trial.end()
  await disconnect()
  await close(connection, broker)
  return { events, outputs: bytes }
}

/** A thousand to a call, five calls at once. */
export const produceMany = (events: number, trial: Trial): Promise<Outcome> =>
  produce(events, trial, async (producer, topic) => {
    const underWay: Promise<unknown>[] = []
    for (let first = 0; first < events; first += 1000) {
      const count = Math.min(1000, events - first)
      const messages = Array.from({ length: count }, (_, index) => messageAt(first + index))
      underWay.push(producer.send({ topic, messages }))
      if (underWay.length >= producing.maxInFlightRequests) await underWay.shift()
    }
    await Promise.all(underWay)
  })

export const produceOneByOne = (events: number, trial: Trial): Promise<Outcome> =>
  produce(events, trial, async (producer, topic) => {
    for (let id = 0; id < events; id++) await producer.send({ topic, messages: [messageAt(id)] })
  })

const producing = { createPartitioner: Partitioners.DefaultPartitioner, maxInFlightRequests: 5 }

function open({ url }: BenchBroker): Kafka {
  return new Kafka({ clientId: 'bench', brokers: url.slice('kafka://'.length).split(','), logLevel: logLevel.NOTHING })
}

/** Resolves once all have been worked on; what it answers ends the consumer, which takes as long as a fetch. */
async function readAll(
  kafka: Kafka,
  { broker, events }: { readonly broker: BenchBroker; readonly events: number },
  onBatch: (payload: EachBatchPayload) => Promise<void>,
): Promise<() => Promise<void>> {
  const consumer = kafka.consumer({ groupId: broker.name('kafkajs'), maxWaitTimeInMs: 500 })
  await consumer.connect()
  await consumer.subscribe({ topic: broker.name('events'), fromBeginning: true })
  let seen = 0
  await new Promise<void>((resolve, reject) => {
    const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
      await onBatch(payload)
      seen += payload.batch.messages.length
      if (seen === events) resolve()
    }
    consumer.run({ eachBatch, partitionsConsumedConcurrently: 4, autoCommitInterval: 1000 }).catch(reject)
  })
  return () => consumer.disconnect()
}

async function produce(
  events: number,
  trial: Trial,
  write: (producer: Producer, topic: string) => Promise<void>,
): Promise<Outcome> {
  const broker = openBroker()
  const topic = broker.name('stored')
  const connection = await new App('bench', { broker: broker.url }).connect()
  await connection.admin.createTopics([{ name: topic, partitions, retentionMs: -1 }])
  const producer = open(broker).producer(producing)
  await producer.connect()
  trial.start()
  await write(producer, topic)
  trial.end()
  await producer.disconnect()
  const outputs = await stored(connection, topic)
  await close(connection, broker)
  return { events, outputs }
}

function messageAt(id: number): Message {
  return { partition: id % partitions, value: valueOf(id), timestamp: String(Date.UTC(2026, 0, 1) + id) }
}

async function close(connection: Connection, broker: BenchBroker): Promise<void> {
  await connection.close()
  await broker.remove()
}
