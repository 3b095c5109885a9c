import { expect, test } from 'vitest'
import { App, forfeitOneForOne, unchecked } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { committed } from '../fixtures/broker-view.js'
import { logTo } from '../fixtures/log.js'
import { until } from '../fixtures/pacing.js'

// Law 7: an actor that throws or returns is visible, in the log and in what the app says of itself.

test('failed, restarted and ended actors are counted', async () => {
  const app = new App('counted')
  const orders = app.topic('orders', { value: unchecked<number>(), partitions: 1 })
  app.agent('failing', { topic: orders }, async stream => {
    for await (const n of stream) if (n === 13) throw new RangeError('unlucky')
  })
  app.agent('returning', { topic: orders, concurrency: 2 }, async stream => {
    for await (const n of stream) if (n === 1) return
  })
  app.agent('forfeited', { topic: orders, supervisor: forfeitOneForOne() }, async stream => {
    for await (const n of stream) if (n === 13) throw new RangeError('unlucky')
  })
  await using worker = await testWorker(app)
  const counts = (): Record<string, string> =>
    Object.fromEntries(
      app
        .describe()
        .agents.map(({ name, running, failed, restarted, ended }) => [name, `${running} ${failed} ${restarted} ${ended}`]),
    )
  expect(counts()).toEqual({ failing: '1 0 0 0', returning: '2 0 0 0', forfeited: '1 0 0 0' })
  for (const n of [0, 1, 13, 13]) await worker.send(orders, n)
  expect(counts()).toEqual({ failing: '1 2 2 0', returning: '1 0 0 1', forfeited: '0 1 0 1' })
})

test('each is logged: which agent, and on which event', async () => {
  const lines: string[] = []
  const facts: object[] = []
  const app = new App('logged', { broker: 'memory:logged', logger: logTo(lines, facts) })
  const orders = app.topic('orders', { value: unchecked<number>(), partitions: 3 })
  app.agent('failing', { topic: orders }, async stream => {
    for await (const _ of stream) throw new RangeError('unlucky')
  })
  app.agent('returning', { topic: orders }, async stream => {
    for await (const _ of stream) return
  })
  await using _running = await app.start()
  await orders.send(1, { partition: 2 })
  await until(() => lines.filter(line => !line.startsWith('info')).length === 2)
  expect(lines.filter(line => !line.startsWith('info')).toSorted()).toEqual([
    'error Agent "failing" failed: unlucky',
    'warn An actor of agent "returning" has ended: its function has returned. It is not restarted; what it has not settled stays uncommitted.',
  ])
  expect(facts).toContainEqual(expect.objectContaining({ agent: 'failing', topic: 'orders', partition: 2, offset: 0 }))
})

test('what an ended actor would have read is not committed: after a restart it is read', async () => {
  const app = new App('left', { broker: 'memory:left', logger: logTo([]) })
  await using _client = await app.client()
  const orders = app.topic('orders', { value: unchecked<number>(), partitions: 1 })
  const seen: number[] = []
  app.agent('returning', { topic: orders }, async stream => {
    for await (const n of stream) {
      seen.push(n)
      if (n === 1) return
    }
  })
  const running = await app.start()
  for (let n = 0; n < 6; n++) await orders.send(n)
  await until(() => seen.length === 2)
  await running.stop()
  expect(await committed(app, 'orders')).toEqual({ 0: 2 })
  await using _again = await app.start()
  await until(() => seen.length === 6)
  expect(seen).toEqual([0, 1, 2, 3, 4, 5])
})
