// The river's side of `stateless`: the same events, produced to a memory broker beforehand, through an agent to a topic.
import { App, unchecked } from 'faust-ts'
import type { Connection } from 'faust-ts/transport'
import { isKept, makeInput, partitions, type BenchEvent } from './input.js'
import type { Outcome, Trial } from './measure.js'
import { Checksum } from './stateless-bare.js'

let runs = 0

export async function run(events: number, trial: Trial): Promise<Outcome> {
  const app = new App('bench', { broker: `memory:${runs++}`, partitions, commitInterval: '1s' })
  const connection = await app.connect()
  await fill(connection, events)
  const input = app.topic('events', { value: unchecked<BenchEvent>() })
  const output = app.topic('doubled', { value: unchecked<{ id: number; double: number }>() })
  let seen = 0
  let finish = (): void => undefined
  const finished = new Promise<void>(resolve => (finish = resolve))
  app
    .agent('doubling', { topic: input }, async function* (stream) {
      for await (const event of stream) {
        if (++seen === events) finish()
        if (isKept(event)) yield { id: event.id, double: event.amount * 2 }
      }
    })
    .to(output)
  trial.start()
  const running = await app.start()
  await finished
  await running.stop()
  const outcome = trial.checked ? await check(connection) : { outputs: await count(connection) }
  await connection.close()
  return { events: seen, ...outcome }
}

async function fill(connection: Connection, events: number): Promise<void> {
  await connection.admin.createTopics([
    { name: 'events', partitions, retentionMs: -1 },
    { name: 'doubled', partitions, retentionMs: -1 },
  ])
  const producer = await connection.producer({})
  for (const batch of makeInput(events)) {
    const { topic, partition, buffer } = batch
    for (let i = 0; i < batch.count; i++) {
      const value = buffer.subarray(batch.valueStarts[i], batch.valueEnds[i])
      const key = { key: buffer, keyStart: batch.keyStarts[i]!, keyEnd: batch.keyEnds[i]! }
      producer.append({ topic, partition, timestamp: batch.timestamps[i]!, ...key, value, headers: null })
      if (producer.isFull) await producer.drained()
    }
  }
  await producer.flush()
  await producer.close()
}

async function count({ admin }: Connection): Promise<number> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic: 'doubled', partition }))
  const ends = await admin.endOffsets(all, 'read-uncommitted')
  return ends.reduce((sum, { offset }) => sum + offset, 0)
}

async function check(connection: Connection): Promise<{ outputs: number; checksum: number }> {
  const outputs = await count(connection)
  const checksum = new Checksum()
  let read = 0
  const reader = connection.reader({ isolation: 'read-uncommitted', onError: error => console.error(error) })
  await new Promise<void>(resolve => {
    for (let partition = 0; partition < partitions; partition++) {
      reader.add({ topic: 'doubled', partition }, 'earliest', batch => {
        for (let i = 0; i < batch.count; i++) {
          const key = batch.buffer.subarray(batch.keyStarts[i], batch.keyEnds[i])
          const message = Buffer.concat([key, batch.buffer.subarray(batch.valueStarts[i], batch.valueEnds[i])])
          checksum.add(message, 0, message.length)
        }
        read += batch.count
        if (read === outputs) resolve()
        return true
      })
    }
  })
  await reader.close()
  return { outputs, checksum: checksum.sum }
}
