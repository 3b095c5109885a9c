import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import type { Fault } from '../../src/embedded/memory/faults.js'
import { Cluster } from './cluster.js'

test('does not hold up a stop for ever: it gives up, says what may be repeated, and leaves nothing behind', async () => {
  let isSilent = false
  const drop = (): Fault | null => (isSilent ? { kind: 'drop' } : null)
  const app = new App('patient', { drainTimeout: '3s', commitInterval: '1h' })
  const source = app.topic('source', { value: unchecked<number>(), partitions: 1 })
  const results = app.topic('results', { value: unchecked<number>() })
  let done = 0
  app.agent('passing', { topic: source }, async stream => {
    for await (const n of stream) {
      void results.send(n)
      done++
    }
  })
  const cluster = new Cluster(app, { faults: { produce: drop, commit: drop, join: drop, heartbeat: drop, deliver: drop } })
  const { running } = await cluster.start()
  await cluster.until(Promise.resolve(source.send(1)))
  isSilent = true
  await cluster.untilTrue(() => done === 1)
  const before = cluster.clock.elapsed()
  await cluster.until(running.stop())
  expect(cluster.clock.elapsed() - before).toBeLessThan(3000 + 5000 + 5000 + 1000)
  expect(cluster.lines.filter(line => line.startsWith('warn'))).toEqual([
    expect.stringContaining('The last commit of "source"[0] was not answered in time: what was done since the one before'),
    'warn The broker does not answer: messages that are still on their way are given up',
  ])
  expect(cluster.broker.committed.size).toBe(0)
  isSilent = false
  await cluster[Symbol.asyncDispose]()
  expect([...cluster.clock.timers]).toEqual([])
})
