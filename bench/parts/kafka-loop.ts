// The hand-written loops that everything is measured against on Kafka: one node, no group, no metadata, no second try.
import { App } from 'faust-ts'
import type { Batch, Connection } from 'faust-ts/transport'
import { openBroker, progress, type BenchBroker } from './bench-broker.js'
import { doublingInto } from './doubling.js'
import { fill, outputsOf, stored } from './fill.js'
import { partitions } from './input.js'
import { BareFetcher, BareSender } from './kafka-wire.js'
import type { Outcome, Trial } from './measure.js'
import { messagesTo } from './produce-driver.js'

/** Fetch, decode, filter, map, encode, produce. */
export async function stateless(events: number, trial: Trial): Promise<Outcome> {
  const { broker, connection } = await open()
  await fill(connection, broker, events)
  const topic = await describe(connection, broker.name('events'))
  await leadersOf(connection, broker.name('doubled'))
  const fetcher = await BareFetcher.open(broker.url, topic)
  const sender = await BareSender.open(broker.url, broker.name('doubled'))
  const double = doublingInto(broker.name('doubled'), message => sender.append(message))
  const worked = progress(events, trial)
  await readAll(fetcher, events, {
    onBatch: batch => {
      double(batch)
      worked(batch.count)
    },
    onAnswer: async () => {
      sender.send()
      await sender.room()
    },
  })
  await sender.flush()
  trial.end()
  fetcher.close()
  sender.close()
  const outcome = await outputsOf(connection, broker, trial.checked)
  await close({ broker, connection })
  return { events, ...outcome }
}

export async function consume(events: number, trial: Trial): Promise<Outcome> {
  const { broker, connection } = await open()
  await fill(connection, broker, events)
  const topic = await describe(connection, broker.name('events'))
  let bytes = 0
  trial.start()
  const fetcher = await BareFetcher.open(broker.url, topic)
  await readAll(fetcher, events, {
    onBatch: ({ count, valueStarts, valueEnds }) => {
      for (let i = 0; i < count; i++) bytes += valueEnds[i]! - valueStarts[i]!
    },
  })
  trial.end()
  fetcher.close()
  await close({ broker, connection })
  return { events, outputs: bytes }
}

/** As fast as they come: full batches, some requests at once. */
export const produceMany = (events: number, trial: Trial): Promise<Outcome> =>
  produce(events, trial, async (sender, topic) => {
    const message = messagesTo(topic)
    for (let id = 0; id < events; id++) {
      sender.append(message(id))
      if (sender.isFull) await sender.room()
    }
    await sender.flush()
  })

/** Each after the last one's acknowledgement. */
export const produceOneByOne = (events: number, trial: Trial): Promise<Outcome> =>
  produce(events, trial, async (sender, topic) => {
    const message = messagesTo(topic)
    for (let id = 0; id < events; id++) {
      sender.append(message(id))
      await sender.flush()
    }
  })

type Write = (sender: BareSender, topic: string) => Promise<void>

async function produce(events: number, trial: Trial, write: Write): Promise<Outcome> {
  const { broker, connection } = await open()
  const topic = broker.name('stored')
  await connection.admin.createTopics([{ name: topic, partitions, retentionMs: -1 }])
  await leadersOf(connection, topic)
  const sender = await BareSender.open(broker.url, topic)
  trial.start()
  await write(sender, topic)
  trial.end()
  sender.close()
  const outputs = await stored(connection, topic)
  await close({ broker, connection })
  return { events, outputs }
}

interface Reading {
  readonly onBatch: (batch: Batch) => void
  /** After all batches of an answer. */
  readonly onAnswer?: () => Promise<void>
}

async function readAll(fetcher: BareFetcher, events: number, { onBatch, onAnswer }: Reading): Promise<void> {
  let seen = 0
  while (seen < events) {
    for (const reader of await fetcher.next()) {
      for (let batch = reader.next(); batch !== null; batch = reader.next()) {
        onBatch(batch)
        seen += batch.count
      }
    }
    await onAnswer?.()
  }
}

/** For what is not measured: the input, and what has become of it. */
interface Surroundings {
  readonly broker: BenchBroker
  readonly connection: Connection
}

async function open(): Promise<Surroundings> {
  const broker = openBroker()
  return { broker, connection: await new App('bench', { broker: broker.url }).connect() }
}

async function close({ broker, connection }: Surroundings): Promise<void> {
  await connection.close()
  await broker.remove()
}

/** A new topic is known before its partitions are led; who never tries again has to wait for that. */
async function leadersOf(connection: Connection, topic: string): Promise<void> {
  await stored(connection, topic)
}

async function describe(connection: Connection, name: string): Promise<{ readonly name: string; readonly id: string }> {
  const [topic] = await connection.admin.topics([name])
  if (!topic) throw new Error(`There is no topic "${name}".`)
  return topic
}
