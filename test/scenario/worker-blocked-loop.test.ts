import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { logTo } from '../fixtures/log.js'
import { until } from '../fixtures/pacing.js'

test('an agent that blocks the event loop is reported, with how long it did', async () => {
  const lines: string[] = []
  const app = new App('blocking', { broker: 'memory:blocking', logger: logTo(lines) })
  const orders = app.topic('orders', { value: unchecked<number>() })
  app.agent('parsing', { topic: orders }, async stream => {
    for await (const ms of stream) block(ms)
  })
  app.agent('innocent', { value: unchecked<number>() }, async stream => {
    for await (const _ of stream);
  })
  await using _running = await app.start()
  for (const ms of [1, 1600, 1]) void orders.send(ms, { partition: 0 })
  await until(() => lines.some(line => line.includes('event loop')))
  const told = /^warn The event loop was held up for [\d.]+s: no heartbeat could be sent. At work: agent "parsing". Long/
  expect(lines).toContainEqual(expect.stringMatching(told))
})

/** As a long computation does. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
