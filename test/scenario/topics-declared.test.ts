import { App, unchecked, type Logger } from 'faust-ts'
import { expect, test } from 'vitest'
import type { Host, HostTopic } from '../../src/channel/host.js'
import { CopartitionError } from '../../src/errors.js'
import { silentLogger } from '../../src/lib/log.js'
import { currentBody } from '../../src/stream/current-event.js'
import { StreamQueue } from '../../src/stream/queue.js'
import type { Connection, TopicSpec } from '../../src/transport/transport.js'

test('a topic that is there already and not as declared is said in one line, and left as it is', async () => {
  const scene = new Scene('differences')
  await using connection = await scene.with([
    { name: 'orders', partitions: 3, retentionMs: 86_400_000 },
    { name: 'users', partitions: 3, compacted: true },
    { name: 'payments', partitions: 5 },
  ])
  const before = await connection.admin.topics()
  scene.app.topic('orders', { value: unchecked<number>(), partitions: 8, retention: '7d', retentionBytes: 1_000_000 })
  const users = scene.app.topic('users', { value: unchecked<number>(), compacted: false })
  scene.app.topic('payments', { value: unchecked<number>() })
  scene.app.topic('refunds', { value: unchecked<number>(), partitions: 2 })
  scene.app.agent('reading', { topic: users }, async stream => {
    for await (const _ of stream);
  })
  const running = await scene.app.start()
  const rest = 'It is left as it is: correct the declaration, or change the topic at the broker'
  expect(scene.lines).toEqual([
    `warn The topic "orders" is not as declared: partitions 3 (declared: 8), retention 1d (declared: 7d), retentionBytes without limit (declared: 1000000). ${rest}`,
    `warn The topic "users" is not as declared: compacted true (declared: false). ${rest}`,
  ])
  expect((await connection.admin.topics()).filter(({ name }) => name !== 'refunds')).toEqual(before)
  await running.stop()
})

test('what is as declared, or was made by this very worker, is not worth a word', async () => {
  const scene = new Scene('as-declared')
  await using _connection = await scene.with([{ name: 'orders', partitions: 3, retentionMs: 86_400_000 }])
  scene.app.topic('orders', { value: unchecked<number>(), partitions: 3, retention: '24h', compacted: false })
  scene.app.topic('users', { value: unchecked<number>(), partitions: 7, compacted: true, retention: '1h' })
  for (let starts = 0; starts < 2; starts++) await (await scene.app.start()).stop()
  expect(scene.lines).toEqual([])
})

test('topics that are read together and differ in their number of partitions keep the worker from starting', async () => {
  const scene = new Scene('together')
  await using connection = await scene.with([{ name: 'users', partitions: 6 }])
  const orders = scene.app.topic('orders', { value: unchecked<number>(), partitions: 4 })
  const users = scene.app.topic('users', { value: unchecked<number>(), partitions: 4 })
  scene.app.agent('joining', { topic: orders }, async stream => {
    // As an operator does that reads another topic beside its own.
    const host = currentBody()?.host as Host | undefined
    host?.subscribe({ topic: users as unknown as HostTopic, queueFor: () => new StreamQueue(), besides: ['orders'] })
    for await (const _ of stream);
  })
  const failure = await scene.app.start().catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(CopartitionError)
  expect((failure as Error).message).toContain('same number of partitions: "orders" has 4, "users" has 6. Make one')
  expect((await connection.admin.topics(['users']))[0]?.partitions).toBe(6)
})

/** An app on a broker of its own, and what it logs as a warning or an error. */
class Scene {
  readonly app: App
  readonly lines: string[] = []

  constructor(name: string) {
    this.app = new App(name, { broker: `memory:declared-${name}`, logger: this.#logger() })
  }

  /** The broker has these topics, as long as the connection is open. */
  async with(specs: readonly TopicSpec[]): Promise<Connection & AsyncDisposable> {
    const connection = await this.app.connect()
    await connection.admin.createTopics(specs)
    return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() })
  }

  #logger(): Logger {
    const write = (level: string) => (_facts: object, message: string) => void this.lines.push(`${level} ${message}`)
    return { ...silentLogger, warn: write('warn'), error: write('error'), child: () => this.#logger() }
  }
}
