import { expect, test } from 'vitest'
import { App, retry, unchecked } from 'faust-ts'
import { Cluster } from './cluster.js'
import { eventAtHand } from './witness.js'

test('a partition with a mountain of messages does not starve one with a few', async () => {
  const app = new App('mountain')
  const numbers = app.topic('numbers', { value: unchecked<number>(), partitions: 3 })
  const order: number[] = []
  app.agent('counting', { topic: numbers }, async stream => {
    for await (const { partition } of stream.events()) order.push(partition)
  })
  await using cluster = new Cluster(app)
  for (let n = 0; n < 40_000; n++) void numbers.send(n, { partition: 0 })
  for (let n = 0; n < 10; n++) await cluster.until(Promise.resolve(numbers.send(n, { partition: 1 + (n % 2) })))
  await cluster.start()
  await cluster.untilTrue(() => order.length === 40_010)
  const last = order.findLastIndex(partition => partition !== 0)
  // Lanes take turns, a batch each (1,024 messages at most): five of the many for the five that the few are in.
  expect(last).toBeLessThan(6 * 1024)
  expect(order.filter(partition => partition !== 0)).toHaveLength(10)
})

test('a partition that waits for another try lets the others pass, and none of its own', async () => {
  const app = new App('waiting')
  const numbers = app.topic('numbers', { value: unchecked<number>(), partitions: 2 })
  const done: string[] = []
  let isBroken = true
  app.agent('failing', { topic: numbers, onError: retry({ attempts: 10, backoff: '1s' }) }, async stream => {
    for await (const n of stream) {
      const { at } = eventAtHand()
      if (at.partition === 0 && isBroken) throw new RangeError('not yet')
      done.push(`${at.partition}:${n}`)
    }
  })
  await using cluster = new Cluster(app)
  await cluster.start()
  for (let n = 0; n < 6; n++) void numbers.send(n, { partition: n % 2 })
  await cluster.pass(2500)
  expect(done).toEqual(['1:1', '1:3', '1:5'])
  isBroken = false
  await cluster.pass(5000)
  expect(done).toEqual(['1:1', '1:3', '1:5', '0:0', '0:2', '0:4'])
})
