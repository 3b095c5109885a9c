// The library's side of `produce`: `topic.send` of a program without a worker.
import { App, text, unchecked } from 'faust-ts'
import { openBroker } from './bench-broker.js'
import { stored } from './fill.js'
import { partitions, valueOf } from './input.js'
import type { Outcome, Trial } from './measure.js'

/** As a program does that cares for its memory: it waits for each thousandth. */
export const many = (events: number, trial: Trial): Promise<Outcome> => run(events, trial, 1000)

export const oneByOne = (events: number, trial: Trial): Promise<Outcome> => run(events, trial, 1)

async function run(events: number, trial: Trial, awaited: number): Promise<Outcome> {
  const broker = openBroker()
  const app = new App(broker.name('bench'), { broker: broker.url })
  const connection = await app.connect()
  await connection.admin.createTopics([{ name: broker.name('stored'), partitions, retentionMs: -1 }])
  const client = await app.client()
  const topic = app.topic(broker.name('stored'), { value: unchecked<string>(), codec: text, partitions })
  trial.start()
  for (let id = 0; id < events; id++) {
    const sent = topic.send(valueOf(id), { partition: id % partitions })
    if (id % awaited === awaited - 1 || id === events - 1) await sent
  }
  trial.end()
  const outputs = await stored(connection, broker.name('stored'))
  await client[Symbol.asyncDispose]()
  await connection.close()
  await broker.remove()
  return { events, outputs }
}
