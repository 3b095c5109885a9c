// "When agents raise an error", as in Faust's guide to agents, and what it leaves open there.
import { expect, test } from 'vitest'
import { AgentError, App, crash, deadLetter, retry, type ErrorPolicy } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

/** An app whose agent fails on 2 for the first `failures` times. */
function failing(failures: number, onError?: ErrorPolicy) {
  const app = new App('raises')
  const source = app.topic('source', { value: z.number(), partitions: 1 })
  const deadLetters = app.topic('source-dead-letters', { value: z.number() })
  const tries: number[] = []
  const agent = app.agent('raising', { topic: source, ...(onError && { onError }) }, async function* (stream) {
    for await (const n of stream) {
      tries.push(n)
      if (n === 2 && tries.filter(tried => tried === 2).length <= failures) throw new TypeError('in the middle of it')
      yield n
    }
  })
  return { app, source, deadLetters, tries, agent }
}

test('by default the event counts as processed, and the agent goes on with the next one', async () => {
  const { app, source, tries, agent } = failing(Infinity)
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(source, n)
  await worker.advance('1m')
  expect(tries).toEqual([1, 2, 3])
  expect(app.describe().agents[0]).toMatchObject({ running: 1, failed: 1, restarted: 1 })
  await expect(agent.ask(2)).rejects.toThrow('Agent "raising" failed on the request: TypeError: in the middle of it')
  expect(await agent.ask(4)).toBe(4)
})

test('it is tried again where the agent says that this is safe, and what comes after it waits', async () => {
  const { app, source, tries } = failing(2, retry({ attempts: 3, backoff: '1s' }))
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(source, n)
  expect(tries).toEqual([1, 2])
  await worker.advance('1s')
  expect(tries).toEqual([1, 2, 2])
  await worker.advance('2s')
  expect(tries).toEqual([1, 2, 2, 2, 3])
})

test('or it is laid aside, to be looked at and processed again by a person', async () => {
  const { app, source, deadLetters, tries } = failing(Infinity, deadLetter())
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(source, n)
  expect(tries).toEqual([1, 2, 3])
  expect(await worker.received(deadLetters)).toEqual([2])
})

test('or it crashes the worker, to require a person at once', async () => {
  const { app, source, tries } = failing(Infinity, crash())
  await using worker = await testWorker(app)
  await worker.send(source, 1)
  const sent = worker.send(source, 2)
  await expect(sent).rejects.toBeInstanceOf(AgentError)
  await expect(sent).rejects.toThrow('Agent "raising" failed on "source"[0]@1: TypeError: in the middle of it')
  expect(tries).toEqual([1, 2])
})
