// The river's side of `stateless`: the same events, produced to a broker beforehand, through an agent to a topic.
import { App, unchecked } from 'faust-ts'
import { measuredFrom, openBroker } from './bench-broker.js'
import { fill, outputsOf } from './fill.js'
import { isKept, partitions, type BenchEvent } from './input.js'
import type { Outcome, Trial } from './measure.js'

export async function run(events: number, trial: Trial): Promise<Outcome> {
  const broker = openBroker()
  const app = new App(broker.name('bench'), { broker: broker.url, partitions, commitInterval: '1s' })
  const connection = await app.connect()
  await fill(connection, broker, events)
  const input = app.topic(broker.name('events'), { value: unchecked<BenchEvent>() })
  const output = app.topic(broker.name('doubled'), { value: unchecked<{ id: number; double: number }>() })
  const from = measuredFrom(events)
  let seen = 0
  let finish = (): void => undefined
  const finished = new Promise<void>(resolve => (finish = resolve))
  app
    .agent('doubling', { topic: input }, async function* (stream) {
      for await (const event of stream) {
        if (++seen === from) trial.start(events - from)
        if (seen === events) finish()
        if (isKept(event)) yield { id: event.id, double: event.amount * 2 }
      }
    })
    .to(output)
  if (from === 0) trial.start()
  const running = await app.start()
  await finished
  await running.stop()
  trial.end()
  const outcome = await outputsOf(connection, broker, trial.checked)
  await connection.close()
  await broker.remove()
  return { events: seen, ...outcome }
}
