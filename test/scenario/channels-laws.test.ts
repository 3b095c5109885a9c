import { expect, test } from 'vitest'
import { App, deadLetter, retry, unchecked } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { stored } from '../fixtures/broker-view.js'
import { gate, turns } from '../fixtures/pacing.js'

const count = z.number()

test('a channel hands values over as they are, in order, to everybody who listens', async () => {
  const app = new App('broadcast')
  const local = app.channel('local', { value: unchecked<{ n: number }>() })
  const seen: { n: number }[][] = [[], []]
  for (const at of [0, 1]) {
    app.agent(`listener-${at}`, { topic: local }, async stream => {
      for await (const value of stream) seen[at]?.push(value)
    })
  }
  await using worker = await testWorker(app)
  const values = [{ n: 1 }, { n: 2 }, { n: 3 }]
  for (const value of values) await worker.send(local, value)
  for (const own of seen) {
    expect(own).toEqual(values)
    expect(own[0]).toBe(values[0])
  }
  expect(await worker.received(local)).toEqual(values)
})

test('what is sent before the app starts is there for all agents when it does', async () => {
  const app = new App('early')
  const local = app.channel('local', { value: count })
  const seen: string[] = []
  for (const name of ['a', 'b']) {
    app.agent(name, { topic: local }, async stream => {
      for await (const n of stream) seen.push(`${name} ${n}`)
    })
  }
  await local.send(1)
  await local.send(2)
  await using worker = await testWorker(app)
  await worker.send(local, 3)
  expect(seen.toSorted()).toEqual(['a 1', 'a 2', 'a 3', 'b 1', 'b 2', 'b 3'])
})

test('sending waits while the channel is full, and in its order', async () => {
  const app = new App('bounded')
  const local = app.channel('local', { value: count, capacity: 2 })
  const go = gate()
  const seen: number[] = []
  app.agent('slow', { topic: local }, async stream => {
    for await (const n of stream) {
      seen.push(n)
      await go.opened
    }
  })
  await using worker = await testWorker(app)
  const sent: number[] = []
  for (const n of [1, 2, 3, 4, 5]) void local.send(n).then(() => sent.push(n))
  await turns(20)
  expect([seen, sent]).toEqual([[1], [1, 2, 3]])
  go.open()
  await worker.advance('1s')
  expect([seen, sent]).toEqual([
    [1, 2, 3, 4, 5],
    [1, 2, 3, 4, 5],
  ])
})

test('an agent that sends to a full channel is held up, and so is its topic', async () => {
  const app = new App('held', { partitions: 1, commitEvery: 1 })
  const numbers = app.topic('numbers', { value: count })
  const local = app.channel('local', { value: count, capacity: 1 })
  const go = gate()
  const [passed, seen]: [number[], number[]] = [[], []]
  app.agent('echoing', { topic: numbers }, async stream => {
    for await (const n of stream.echo(local)) passed.push(n)
  })
  app
    .agent('sinking', { topic: numbers }, async function* (stream) {
      for await (const n of stream) yield -n
    })
    .to(local)
  app.agent('slow', { topic: local }, async stream => {
    for await (const n of stream) {
      await go.opened
      seen.push(n)
    }
  })
  await using worker = await testWorker(app)
  for (const n of [1, 2, 3, 4, 5]) numbers.send(n)
  await turns(30)
  expect(passed.length).toBeLessThan(3)
  go.open()
  await worker.advance('1s')
  expect([passed, seen.toSorted((a, b) => a - b)]).toEqual([
    [1, 2, 3, 4, 5],
    [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5],
  ])
})

test('an agent on a channel is asked like any other', async () => {
  const app = new App('asked')
  const local = app.channel('local', { value: count, key: z.string() })
  const agent = app.agent('doubling', { topic: local }, async function* (stream) {
    for await (const n of stream) {
      if (n === 13) throw new RangeError('unlucky')
      if (n > 0) yield n * 2
    }
  })
  await using _worker = await testWorker(app)
  expect(await agent.ask(4)).toBe(8)
  expect(await agent.join([1, 2, 3])).toEqual([2, 4, 6])
  await expect(agent.ask(-1)).rejects.toMatchObject({ code: 'FAUST_NO_REPLY' })
  await expect(agent.ask(13)).rejects.toMatchObject({ code: 'FAUST_REPLY', remoteName: 'RangeError' })
  expect(await agent.ask(1)).toBe(2)
})

test('its events have key, headers and time, and no partition', async () => {
  const app = new App('events')
  const start = Date.UTC(2025, 0)
  const local = app.channel('local', { value: count, key: z.string() })
  const seen: unknown[] = []
  app.agent('look', { topic: local }, async stream => {
    for await (const { topic, partition, offset, key, value, timestamp, headers } of stream.events()) {
      seen.push([topic, partition, offset, key, value, timestamp - start, Buffer.from(headers.get('trace') ?? []).toString()])
    }
  })
  await using worker = await testWorker(app, { start })
  await worker.send(local, 1, { key: 'k', headers: { trace: 't' } })
  await worker.send(local, 2, { key: 'l', timestamp: start + 9 })
  expect(seen).toEqual([
    ['local', -1, -1, 'k', 1, 0, 't'],
    ['local', -1, -1, 'l', 2, 9, ''],
  ])
})

test('an event of a channel that fails is tried again, or buried, as the policy says', async () => {
  const app = new App('failing', { partitions: 1 })
  const local = app.channel('local', { value: count, key: z.string(), capacity: 1 })
  const other = app.channel('other', { value: count, key: z.string() })
  const seen: number[] = []
  let tries = 0
  app.agent('trying', { topic: local, onError: retry({ attempts: 3, backoff: '1s' }) }, async stream => {
    for await (const n of stream) {
      if (n === 1 && ++tries < 3) throw new RangeError('not yet')
      seen.push(n)
    }
  })
  app.agent('burying', { topic: other, onError: deadLetter() }, async stream => {
    for await (const n of stream) throw new RangeError(`no ${n}`)
  })
  await using worker = await testWorker(app)
  local.send(1)
  const later = [2, 3].map(n => local.send(n))
  await worker.advance('10s')
  await Promise.all(later)
  expect([tries, seen]).toEqual([3, [1, 2, 3]])
  await worker.send(other, 7, { key: 'k' })
  expect(await stored(app, 'other-dead-letters')).toMatchObject([{ key: 'k', value: '7' }])
})

test('a rebalance takes nothing from a channel', async () => {
  const app = new App('rebalanced')
  const numbers = app.topic('numbers', { value: count })
  const local = app.channel('local', { value: count, capacity: 2 })
  const go = gate()
  const seen: number[] = []
  app.agent('slow', { topic: local }, async stream => {
    for await (const n of stream) {
      await go.opened
      seen.push(n)
    }
  })
  app.agent('reading', { topic: numbers }, async stream => {
    for await (const _ of stream) void _
  })
  await using worker = await testWorker(app)
  const sent = [1, 2, 3, 4, 5].map(n => local.send(n))
  await app.start()
  go.open()
  await Promise.all(sent)
  await worker.advance('1s')
  expect(seen).toEqual([1, 2, 3, 4, 5])
})

test('when the worker stops, those who wait for room are told, and nobody has to listen', async () => {
  const app = new App('closing')
  const local = app.channel('local', { value: count, capacity: 1 })
  const results: unknown[] = []
  app.agent('stuck', { topic: local }, async stream => {
    for await (const _ of stream) await new Promise(() => undefined)
  })
  const worker = await testWorker(app)
  for (const n of [1, 2, 3]) {
    local.send(n).then(
      () => results.push(n),
      (error: { code: string }) => results.push(error.code),
    )
  }
  local.send(4)
  await turns(20)
  expect(results).toEqual([1, 2])
  await worker[Symbol.asyncDispose]()
  expect(results).toEqual([1, 2, 'FAUST_CLOSED'])
})

test('a plain program listens to a channel as well', async () => {
  const app = new App('plain')
  const local = app.channel('local', { value: count })
  await using _worker = await testWorker(app)
  const seen: number[] = []
  const reading = (async () => {
    for await (const n of local.stream().filter(value => value > 1)) if (seen.push(n) === 2) break
  })()
  for (const n of [1, 2, 3]) await local.send(n)
  await reading
  expect(seen).toEqual([2, 3])
})

test('a name twice, a capacity that is none and an unknown option are refused', () => {
  const app = new App('refusing')
  app.channel('local', { value: count })
  expect(() => app.channel('local', { value: count })).toThrow(expect.objectContaining({ code: 'FAUST_DUPLICATE_NAME' }))
  expect(() => app.channel('a', { value: count, capacity: 0 })).toThrow(/capacity must be a whole number above 0, got 0/)
  expect(() => app.channel('b', { value: count, size: 3 } as { value: typeof count })).toThrow(/no option "size"/)
})
