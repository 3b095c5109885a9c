import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { virtualClock } from 'faust-ts/testing'
import { logTo } from '../fixtures/log.js'
import { turns, until } from '../fixtures/pacing.js'

// With isolatedPartitions the signal of a revoked partition's stream fired only after its work had been waited for.

test('the signal fires when the partition is about to go; what it breaks off is done elsewhere, and nobody waits', async () => {
  const lines: string[] = []
  const app = new App('isolated-signal', { broker: 'memory:isolated-signal', logger: logTo(lines) })
  app.override({ clock: virtualClock(), isSimulated: true })
  const jobs = app.topic('jobs', { value: unchecked<number>(), partitions: 2 })
  const begun: number[] = []
  const done: number[] = []
  app.agent('working', { topic: jobs, isolatedPartitions: true }, async stream => {
    for await (const job of stream) {
      begun.push(job)
      if (begun.length <= 2) await broken(stream.signal)
      done.push(job)
    }
  })
  await app.start()
  for (const partition of [0, 1]) void jobs.send(partition, { partition })
  await until(() => begun.length === 2)
  await app.start()
  await until(() => begun.length === 3)
  await turns(20)
  // One partition has moved and its job is done; the other one is still at work.
  expect(done).toHaveLength(1)
  expect(lines.filter(line => line.includes('Gave up'))).toEqual([])
  expect(lines.filter(line => line.startsWith('error'))).toEqual([])
  await app[Symbol.asyncDispose]()
})

function broken(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('broken off', 'AbortError'))))
}
