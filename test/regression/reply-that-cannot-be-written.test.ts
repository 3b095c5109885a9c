import { expect, test } from 'vitest'
import { App, unchecked, type Codec } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { logTo } from '../fixtures/log.js'
import { turns } from '../fixtures/pacing.js'

// A failed request whose key JSON cannot write killed its actor unseen, for ever.

const bigints: Codec = {
  encode: value => Buffer.from(String(value)),
  decode: bytes => BigInt(Buffer.from(bytes).toString()),
}

test('an agent outlives a failed request whose key JSON cannot write, and the log says so', async () => {
  const lines: string[] = []
  const app = new App('unwritable', { logger: logTo(lines) })
  const orders = app.topic('orders', { key: unchecked<bigint>(), keyCodec: bigints, value: unchecked<number>(), partitions: 1 })
  const seen: number[] = []
  const agent = app.agent('working', { topic: orders }, async function* (stream) {
    for await (const n of stream) {
      seen.push(n)
      if (n < 0) throw new RangeError('negative')
      yield n
    }
  })
  await using worker = await testWorker(app)
  const asked = agent.ask(-1, { key: 7n, timeout: '1s' }).catch((error: unknown) => (error as Error).name)
  await turns(50)
  await worker.send(orders, 2, { key: 8n })
  expect(seen).toEqual([-1, 2])
  expect(app.describe().agents[0]).toMatchObject({ running: 1, failed: 1, restarted: 1 })
  expect(lines.filter(line => line.includes('Cannot say why'))).toHaveLength(1)
  await worker.advance('2s')
  expect(await asked).toContain('Timeout')
})
