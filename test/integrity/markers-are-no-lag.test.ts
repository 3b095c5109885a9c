import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { silentLogger } from '../../src/lib/log.js'
import { Cluster } from './cluster.js'

test('a transaction marker or a compacted tail at the end of a partition is no lag: the commit passes it', async () => {
  const app = new App('marked')
  const numbers = app.topic('numbers', { value: unchecked<number>(), partitions: 1 })
  const seen: number[] = []
  app.agent('counting', { topic: numbers }, async stream => {
    for await (const n of stream) seen.push(n)
  })
  await using cluster = new Cluster(app)
  await cluster.start()
  const { clock, random } = cluster
  const connection = await cluster.broker.transport.connect({ clientId: 'other', clock, random, log: silentLogger })
  const producer = await cluster.until(connection.producer({ transactionalId: 'other' }))
  for (const text of ['1', '2']) {
    await producer.begin()
    producer.append({
      ...{ topic: 'numbers', partition: 0, timestamp: clock.now(), value: text, headers: null },
      ...{ key: null, keyStart: 0, keyEnd: 0 },
    })
    await cluster.until(producer.commit([], null))
    await cluster.pass(2500)
  }
  const at = { topic: 'numbers', partition: 0 }
  expect(seen).toEqual([1, 2])
  expect(await cluster.until(connection.admin.endOffsets([at], 'read-uncommitted'))).toEqual([{ ...at, offset: 4 }])
  expect(cluster.broker.committed.get('numbers[0]')).toBe(4)
  await cluster.until(connection.close())
})
