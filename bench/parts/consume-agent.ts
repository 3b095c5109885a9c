// The library's side of `consume`: an agent that takes the values as bytes.
import { App, raw, unchecked } from 'faust-ts'
import { openBroker } from './bench-broker.js'
import { fill } from './fill.js'
import { partitions } from './input.js'
import type { Outcome, Trial } from './measure.js'

export async function run(events: number, trial: Trial): Promise<Outcome> {
  const broker = openBroker()
  const app = new App(broker.name('bench'), { broker: broker.url, partitions })
  const connection = await app.connect()
  await fill(connection, broker, events)
  let [seen, bytes] = [0, 0]
  let finish = (): void => undefined
  const finished = new Promise<void>(resolve => (finish = resolve))
  app.agent(
    'reading',
    { topic: app.topic(broker.name('events'), { value: unchecked<Uint8Array>(), codec: raw }) },
    async stream => {
      for await (const value of stream) {
        bytes += value.length
        if (++seen === events) finish()
      }
    },
  )
  trial.start()
  const running = await app.start()
  await finished
  await running.stop()
  trial.end()
  await connection.close()
  await broker.remove()
  return { events: seen, outputs: bytes }
}
