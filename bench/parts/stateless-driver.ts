// The bare side of `stateless` on a broker: a reader and a writer of its driver, decode, filter and encode in between.
import { App } from 'faust-ts'
import type { Connection } from 'faust-ts/transport'
import { openBroker, progress, type BenchBroker } from './bench-broker.js'
import { doublingInto } from './doubling.js'
import { fill, outputsOf } from './fill.js'
import { partitions } from './input.js'
import type { Outcome, Trial } from './measure.js'

export async function run(events: number, trial: Trial): Promise<Outcome> {
  const broker = openBroker()
  const connection = await new App('bench', { broker: broker.url }).connect()
  await fill(connection, broker, events)
  const seen = await pump({ connection, broker, events, trial })
  trial.end()
  const outcome = await outputsOf(connection, broker, trial.checked)
  await connection.close()
  await broker.remove()
  return { events: seen, ...outcome }
}

interface Pumping {
  readonly connection: Connection
  readonly broker: BenchBroker
  readonly events: number
  readonly trial: Trial
}

async function pump({ connection, broker, events, trial }: Pumping): Promise<number> {
  const worked = progress(events, trial)
  const producer = await connection.producer({})
  const reader = connection.reader({ isolation: 'read-committed', onError: error => console.error(error) })
  const double = doublingInto(broker.name('doubled'), message => producer.append(message))
  let seen = 0
  await new Promise<void>(resolve => {
    for (let partition = 0; partition < partitions; partition++) {
      const at = { topic: broker.name('events'), partition }
      reader.add(at, 'earliest', batch => {
        double(batch)
        seen = worked(batch.count)
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
