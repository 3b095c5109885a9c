import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { logTo } from '../fixtures/log.js'
import { turns, until } from '../fixtures/pacing.js'
import { sorted } from '../fixtures/sorted.js'

test('with an instanceId, a restart within the session timeout disturbs nobody and moves nothing', async () => {
  const [one, two] = [process('one'), process('two')]
  let first = await one.app.start()
  await using _second = await two.app.start()
  await until(() => one.rebalances().length === 2 && two.rebalances().length === 1)
  await first.stop()
  first = await one.app.start()
  for (let n = 0; n < 8; n++) await one.orders.send(n, { partition: n })
  await until(() => one.seen.length + two.seen.length === 8)
  expect([one.seen, two.seen].map(sorted)).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ])
  expect(two.rebalances()).toHaveLength(1)
  await first.stop()
})

test('without one, a worker that stops hands its partitions over at once, and gets some back when it returns', async () => {
  const [one, two] = [process(undefined), process(undefined)]
  const first = await one.app.start()
  await using _second = await two.app.start()
  await until(() => two.rebalances().length === 1)
  await first.stop()
  await until(() => two.rebalances().length === 2)
  expect(two.rebalances().at(-1)).toBe('info rebalanced: partitions orders[0,1,2,3,4,5,6,7]')
  await using _again = await one.app.start()
  await until(() => two.rebalances().length === 3)
  expect(two.rebalances().at(-1)).toMatch(/orders\[\d,\d,\d,\d\]$/)
})

test('a rebalance is one line of the log, with every topic and its partitions', async () => {
  const lines: string[] = []
  const app = new App('topics', { broker: 'memory:topics', logger: logTo(lines) })
  for (const [name, partitions] of [
    ['users', 2],
    ['orders', 3],
  ] as const) {
    app.agent(name, { topic: app.topic(name, { value: unchecked<number>(), partitions }) }, async stream => {
      for await (const _ of stream);
    })
  }
  await using _running = await app.start()
  await turns(10)
  expect(lines.filter(line => line.includes('rebalanced'))).toEqual(['info rebalanced: partitions orders[0,1,2] users[0,1]'])
})

/** As one process of an app: several `App`s of one name in one process are as good. */
function process(instanceId: string | undefined) {
  const lines: string[] = []
  const seen: number[] = []
  const options = { broker: 'memory:members', logger: logTo(lines), ...(instanceId === undefined ? {} : { instanceId }) }
  const app = new App('members', options)
  const orders = app.topic('orders', { value: unchecked<number>() })
  app.agent('counting', { topic: orders }, async stream => {
    for await (const n of stream) seen.push(n)
  })
  return { app, orders, seen, rebalances: () => lines.filter(line => line.includes('rebalanced')) }
}
