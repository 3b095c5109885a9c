import { expect, test } from 'vitest'
import { z } from 'zod'
import { App } from '../index.js'
import { nextTurn, systemClock } from '../lib/clock.js'
import type { Connection, PartitionOffset } from '../transport/transport.js'
import { execute } from './execute.js'

const uuid = '8c1a2b3c-0000-4000-8000-123456789abc'

interface Scene extends AsyncDisposable {
  readonly app: App
  readonly seen: string[]
  readonly connection: Connection
  /** Sends these, and resolves when a worker has counted so many, and stopped. */
  readonly work: (orders: readonly string[], count?: number) => Promise<void>
  readonly committed: () => Promise<PartitionOffset[]>
  readonly topics: () => Promise<string[]>
}

/** An app that reads what it is sent, and what it writes itself; its broker lives as long as the scene. */
async function open(name: string): Promise<Scene> {
  const app = new App('shop', { broker: `memory:reset-${name}`, partitions: 1 })
  const [orders, billed] = [app.topic('orders', { value: z.string() }), app.topic('billed', { value: z.string() })]
  const seen: string[] = []
  app
    .agent('billing', { topic: orders }, async function* (stream) {
      for await (const order of stream) yield order
    })
    .to(billed)
  app.agent('counting', { topic: billed }, async stream => {
    for await (const order of stream) seen.push(order)
  })
  const connection = await app.connect()
  const { admin } = connection
  return {
    app,
    seen,
    connection,
    async work(sent, count = sent.length) {
      const until = seen.length + count
      await using _running = await app.start()
      for (const order of sent) await orders.send(order)
      while (seen.length < until) await nextTurn(systemClock)
    },
    committed: async () => [...(await admin.groupOffsets('shop'))],
    topics: async () => (await admin.topics()).map(each => each.name),
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]()
      await connection.close()
    },
  }
}

async function reset(
  app: App,
  words: readonly string[],
  answer?: boolean,
): Promise<{ code: number; said: string; asked: string[] }> {
  const said: string[] = []
  const asked: string[] = []
  const terminal = {
    print: (text: string) => said.push(text),
    note: (text: string) => said.push(text),
    isInteractive: false,
    width: 80,
    canAsk: answer !== undefined,
    confirm: (question: string) => (asked.push(question), Promise.resolve(answer === true)),
  }
  const code = await execute(['reset', ...words], { app, terminal })
  return { code, said: said.join('\n'), asked }
}

test('everything is read again', async () => {
  await using scene = await open('all')
  await scene.work(['tea', 'milk'])
  expect(await scene.committed()).toHaveLength(2)
  expect(await reset(scene.app, ['--yes'])).toEqual({
    code: 0,
    said: [
      'topic   then                     messages',
      'billed  read from its beginning         2',
      'orders  read from its beginning         2',
      '"shop" begins anew.',
    ].join('\n'),
    asked: [],
  })
  expect(await scene.committed()).toEqual([])
  // What is read again is written again.
  await scene.work([], 4)
  expect(scene.seen.sort()).toEqual(['milk', 'milk', 'milk', 'tea', 'tea', 'tea'])
})

test('a topic that is skipped is read from its end', async () => {
  await using scene = await open('skip')
  await scene.work(['tea', 'milk'])
  const { said } = await reset(scene.app, ['--yes', '--skip', 'billed', '--json'])
  expect(said).toMatch(/^\[{"topic":"billed","then":"read from its end","messages":0},{"topic":"orders"/)
  expect(await scene.committed()).toEqual([{ topic: 'billed', partition: 0, offset: 2 }])
  await scene.work(['rum'], 3)
  expect(scene.seen).toEqual(['tea', 'milk', 'tea', 'milk', 'rum'])
  expect(await reset(scene.app, ['--yes', '--skip', 'biled'])).toMatchObject({
    code: 1,
    said: 'error: Cannot skip "biled": the broker has no such topic. Did you mean "billed"?',
  })
})

test('while a worker runs it says so, and changes nothing', async () => {
  await using scene = await open('busy')
  await scene.work(['tea'])
  const left = `f-reply-shop-${uuid}`
  await scene.connection.admin.createTopics([{ name: left, partitions: 1 }])
  await using running = await scene.app.start()
  const before = await scene.committed()
  const { code, said } = await reset(scene.app, ['--yes'])
  expect([code, said]).toEqual([1, expect.stringMatching(/^error: .*Cannot reset the group "shop": it has a member.*Stop them/)])
  expect([await scene.committed(), await scene.topics()]).toEqual([before, expect.arrayContaining([left])])
  await running.stop()
  expect((await reset(scene.app, ['--yes'])).code).toBe(0)
})

test('it asks first, and takes no for an answer', async () => {
  await using scene = await open('asks')
  await scene.work(['tea'])
  expect((await reset(scene.app, [])).code).toBe(2)
  const no = await reset(scene.app, [], false)
  expect(no).toMatchObject({ code: 1, asked: ['Reset "shop" on memory:reset-asks?'] })
  expect(no.said).toMatch(/^topic .*error: Nothing was reset\.$/s)
  expect(await scene.committed()).toHaveLength(2)
  expect((await reset(scene.app, [], true)).said).toMatch(/"shop" begins anew\.$/)
  expect(await scene.committed()).toEqual([])
  expect(await reset(scene.app, [], false)).toEqual({ code: 0, said: '"shop" has read nothing on memory:reset-asks.', asked: [] })
})

test('reply topics of this app go, those of others stay', async () => {
  await using scene = await open('replies')
  const names = ['', 'shop-', 'shop-b-', 'a-shop-'].map(app => `f-reply-${app}${uuid}`)
  await scene.connection.admin.createTopics(names.map(name => ({ name, partitions: 1 })))
  expect((await reset(scene.app, ['--yes'])).said).toMatch(new RegExp(`^f-reply-shop-${uuid} +deleted`, 'm'))
  expect(await scene.topics()).toEqual(names.filter(name => name !== `f-reply-shop-${uuid}`).sort())
})
