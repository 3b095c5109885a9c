// The bare side of `stateless` on a broker: a reader and a writer of its driver, decode, filter and encode in between.
import { App } from 'faust-ts'
import type { Batch, Connection, Outgoing } from 'faust-ts/transport'
import { openBroker } from './bench-broker.js'
import { fill, outputsOf } from './fill.js'
import { isKept, partitionOf, partitions, type BenchEvent } from './input.js'
import type { Outcome, Trial } from './measure.js'

export async function run(events: number, trial: Trial): Promise<Outcome> {
  const broker = openBroker()
  const connection = await new App('bench', { broker: broker.url }).connect()
  await fill(connection, events)
  trial.start()
  const seen = await pump(connection, events)
  trial.end()
  const outcome = await outputsOf(connection, trial.checked)
  await connection.close()
  broker.remove()
  return { events: seen, ...outcome }
}

async function pump(connection: Connection, events: number): Promise<number> {
  const producer = await connection.producer({})
  const reader = connection.reader({ isolation: 'read-committed', onError: error => console.error(error) })
  const out: Outgoing = {
    topic: 'doubled',
    partition: 0,
    timestamp: 0,
    key: null,
    keyStart: 0,
    keyEnd: 0,
    value: null,
    headers: null,
  }
  let seen = 0
  const double = (batch: Batch): void => {
    const { buffer } = batch
    for (let i = 0; i < batch.count; i++) {
      const event = JSON.parse(buffer.toString('utf8', batch.valueStarts[i], batch.valueEnds[i])) as BenchEvent
      if (!isKept(event)) continue
      out.key = buffer
      out.keyStart = batch.keyStarts[i]!
      out.keyEnd = batch.keyEnds[i]!
      out.partition = partitionOf(buffer, out.keyStart, out.keyEnd)
      out.timestamp = batch.timestamps[i]!
      out.value = JSON.stringify({ id: event.id, double: event.amount * 2 })
      producer.append(out)
    }
    seen += batch.count
  }
  await new Promise<void>(resolve => {
    for (let partition = 0; partition < partitions; partition++) {
      const at = { topic: 'events', partition }
      reader.add(at, 'earliest', batch => {
        double(batch)
        if (seen === events) resolve()
        if (!producer.isFull) return true
        void producer.drained().then(() => reader.resume(at))
        return false
      })
    }
  })
  await producer.flush()
  await reader.close()
  await producer.close()
  return seen
}
