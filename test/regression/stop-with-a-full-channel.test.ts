import { expect, test } from 'vitest'
import { App, crash, unchecked } from 'faust-ts'
import { virtualClock } from 'faust-ts/testing'
import { committed } from '../fixtures/broker-view.js'
import { logTo } from '../fixtures/log.js'
import { gate, turns, until } from '../fixtures/pacing.js'

// An agent that waited for room in a channel got none once its worker stopped: the stop took the whole drainTimeout.

test('an agent that waits for room in a channel ends with what it had in hand, since the reader goes on meanwhile', async () => {
  const lines: string[] = []
  const app = new App('full-at-the-stop', { broker: 'memory:full-at-the-stop', logger: logTo(lines) })
  app.override({ clock: virtualClock() })
  const keeper = await app.connect()
  const source = app.topic('source', { value: unchecked<number>(), partitions: 1 })
  const local = app.channel('local', { value: unchecked<number>(), capacity: 1 })
  let yielded = 0
  app
    .agent('feeding', { topic: source }, async function* (stream) {
      for await (const n of stream) {
        for (let copy = 0; copy < 10; copy++) {
          yielded++
          yield n
        }
      }
    })
    .to(local)
  const seen: number[] = []
  const held = gate()
  app.agent('reading', { topic: local }, async stream => {
    for await (const n of stream) {
      seen.push(n)
      await held.opened
    }
  })
  const running = await app.start()
  for (const n of [1, 2]) void source.send(n)
  await until(() => seen.length === 1)
  await turns(20)
  expect(yielded).toBeLessThan(10)
  const stopped = running.stop()
  await turns(20)
  held.open()
  await stopped
  expect(yielded).toBe(10)
  expect(seen.length).toBeGreaterThanOrEqual(9)
  expect(await committed(app, 'source')).toEqual({ 0: 1 })
  expect(lines.filter(line => line.includes('Gave up'))).toEqual([])
  await app[Symbol.asyncDispose]()
  await keeper.close()
})

test('one that waits for room in vain, as its worker has failed, hears so, and its event comes again', async () => {
  const lines: string[] = []
  const app = new App('full-at-a-failure', { broker: 'memory:full-at-a-failure', logger: logTo(lines) })
  app.override({ clock: virtualClock() })
  const keeper = await app.connect()
  const source = app.topic('source', { value: unchecked<number>(), partitions: 1 })
  const local = app.channel('local', { value: unchecked<number>(), capacity: 1 })
  let yielded = 0
  app
    .agent('feeding', { topic: source }, async function* (stream) {
      for await (const n of stream) {
        for (let copy = 0; copy < 10; copy++) {
          yielded++
          yield n
        }
      }
    })
    .to(local)
  const held = gate()
  app.agent('reading', { topic: local, onError: crash() }, async stream => {
    for await (const n of stream) {
      await held.opened
      throw new RangeError(`no ${n}`)
    }
  })
  const running = await app.start()
  void source.send(1)
  await until(() => yielded > 1)
  await turns(20)
  held.open()
  await expect(running.stopped).rejects.toThrow('no 1')
  expect(yielded).toBeLessThan(10)
  expect((await committed(app, 'source'))[0] ?? 0).toBe(0)
  expect(lines.filter(line => line.includes('Gave up'))).toEqual([])
  await app[Symbol.asyncDispose]()
  await keeper.close()
})
