import { expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { virtualClock } from 'faust-ts/testing'
import { committed } from '../fixtures/broker-view.js'
import { logTo } from '../fixtures/log.js'
import { turns } from '../fixtures/pacing.js'

// What a failed operator before `through` had at hand outside an agent stayed in hand: the stop took the whole drainTimeout.

test.for(['a task', 'a plain program'])('%s whose stream fails before a hop stops its worker at once', async who => {
  const lines: string[] = []
  const name = `before-a-hop-${who.length}`
  const app = new App(name, { broker: `memory:${name}`, logger: logTo(lines) })
  app.override({ clock: virtualClock() })
  const keeper = await app.connect()
  const source = app.topic('source', { value: unchecked<number>(), partitions: 1 })
  const middle = app.topic('middle', { value: unchecked<number>(), partitions: 1 })
  const tried: number[] = []
  const read = async (): Promise<void> => {
    const stream = source.stream().map((n): number => {
      tried.push(n)
      throw new RangeError(`no ${n}`)
    })
    for await (const _ of stream.through(middle)) void _
  }
  if (who === 'a task') app.task('reading', {}, read)
  const running = await app.start()
  if (who !== 'a task') void read()
  await turns(10)
  for (const n of [13, 14]) void source.send(n)
  await expect(running.stopped).rejects.toThrow('no 13')
  expect(tried).toEqual([13])
  expect((await committed(app, 'source'))[0] ?? 0).toBe(0)
  expect(lines.filter(line => line.includes('Gave up'))).toEqual([])
  await app[Symbol.asyncDispose]()
  await keeper.close()
})
