// The bare side of `consume`: the reader of the broker's driver.
import { App } from 'faust-ts'
import { openBroker } from './bench-broker.js'
import { fill } from './fill.js'
import { partitions } from './input.js'
import type { Outcome, Trial } from './measure.js'

export async function run(events: number, trial: Trial): Promise<Outcome> {
  const broker = openBroker()
  const connection = await new App('bench', { broker: broker.url }).connect()
  await fill(connection, broker, events)
  let [seen, bytes] = [0, 0]
  trial.start()
  const reader = connection.reader({ isolation: 'read-committed', onError: error => console.error(error) })
  await new Promise<void>(resolve => {
    for (let partition = 0; partition < partitions; partition++) {
      reader.add({ topic: broker.name('events'), partition }, 'earliest', batch => {
        for (let i = 0; i < batch.count; i++) bytes += batch.valueEnds[i]! - batch.valueStarts[i]!
        seen += batch.count
        if (seen === events) resolve()
        return true
      })
    }
  })
  trial.end()
  await reader.close()
  await connection.close()
  await broker.remove()
  return { events: seen, outputs: bytes }
}
