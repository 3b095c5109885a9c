import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { App, unchecked } from 'faust-ts'
import { expect, inject, onTestFinished, test } from 'vitest'
import { silentLogger } from '../../src/lib/log.js'

const asker = fileURLToPath(new URL('fixtures/asker.ts', import.meta.url))

test('the first ask of a process has its answer soon, and the process ends by itself after the last one', async () => {
  const broker = `kafka://${inject('kafka')}`
  const app = new App('first-ask', { broker, logger: silentLogger })
  app.agent('doubling', { value: unchecked<number>() }, async function* (stream) {
    for await (const n of stream) yield 2 * n
  })
  await using _ = await app.start()
  // The worker's own first question waits for its partitions, not for the replies.
  await ask(broker)
  for (let process = 0; process < 3; process++) {
    const tookMs = await ask(broker)
    console.log(`asks of a process, in ms: ${tookMs.join(', ')}`)
    expect(tookMs).toHaveLength(4)
    expect(tookMs[0]).toBeLessThan(5000)
  }
})

async function ask(broker: string): Promise<number[]> {
  const child = fork(asker, ['first-ask-doubling'], {
    execArgv: ['--conditions=faust-ts:source', '--import', import.meta.resolve('tsx')],
    env: { ...process.env, FAUST_BROKER: broker },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const [tookMs] = (await once(child, 'message')) as [number[]]
  const answeredMs = performance.now()
  await ended
  expect(performance.now() - answeredMs).toBeLessThan(5000)
  return tookMs
}
