import { App, unchecked, type Logger } from 'faust-ts'
import { expect, inject, onTestFinished, test } from 'vitest'
import type { Host, HostTopic } from '../../src/channel/host.js'
import { CopartitionError } from '../../src/errors.js'
import { silentLogger } from '../../src/lib/log.js'
import { currentBody } from '../../src/stream/current-event.js'
import { StreamQueue } from '../../src/stream/queue.js'
import type { Admin, TopicSpec } from '../../src/transport/transport.js'

test('a topic that is there already and not as declared is said in one line, and left as it is', async () => {
  const { app, admin, lines } = await open('declared', [
    { name: 'declared-orders', partitions: 3, retentionMs: 86_400_000 },
    { name: 'declared-users', partitions: 3, compacted: true },
    { name: 'declared-payments', partitions: 5 },
    { name: 'declared-same', partitions: 2, retentionMs: 3_600_000, retentionBytes: 2_000_000, compacted: true },
  ])
  const names = ['orders', 'users', 'payments', 'same'].map(name => `declared-${name}`)
  const before = await admin.topics(names)
  app.topic('declared-orders', { value: unchecked<number>(), partitions: 8, retention: '7d', retentionBytes: 1_000_000 })
  const users = app.topic('declared-users', { value: unchecked<number>(), compacted: false })
  app.topic('declared-payments', { value: unchecked<number>() })
  app.topic('declared-same', {
    value: unchecked<number>(),
    partitions: 2,
    retention: '1h',
    retentionBytes: 2_000_000,
    compacted: true,
  })
  app.agent('reading', { topic: users }, async stream => {
    for await (const _ of stream);
  })
  await (await app.start()).stop()
  const rest = 'It is left as it is: correct the declaration, or change the topic at the broker'
  const orders = 'partitions 3 (declared: 8), retention 1d (declared: 7d), retentionBytes without limit (declared: 1000000)'
  expect(lines).toEqual([
    `warn The topic "declared-orders" is not as declared: ${orders}. ${rest}`,
    `warn The topic "declared-users" is not as declared: compacted true (declared: false). ${rest}`,
  ])
  expect(await admin.topics(names)).toEqual(before)
})

test('topics that are read together and differ in their number of partitions keep the worker from starting', async () => {
  const { app, admin } = await open('together', [{ name: 'together-users', partitions: 6 }])
  const orders = app.topic('together-orders', { value: unchecked<number>(), partitions: 4 })
  const users = app.topic('together-users', { value: unchecked<number>(), partitions: 4 })
  app.agent('joining', { topic: orders }, async stream => {
    // As an operator does that reads another topic beside its own.
    const host = currentBody()?.host as Host | undefined
    host?.subscribe({ topic: users as unknown as HostTopic, queueFor: () => new StreamQueue(), besides: ['together-orders'] })
    for await (const _ of stream);
  })
  const failure = await app.start().catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(CopartitionError)
  expect((failure as Error).message).toContain('"together-orders" has 4, "together-users" has 6. Make one')
  expect((await admin.topics(['together-users']))[0]?.partitions).toBe(6)
})

/** An app where the broker has these topics, and what it logs as a warning or an error. */
async function open(name: string, specs: readonly TopicSpec[]): Promise<{ app: App; admin: Admin; lines: string[] }> {
  const lines: string[] = []
  const write = (level: string) => (_facts: object, message: string) => void lines.push(`${level} ${message}`)
  const logger: Logger = { ...silentLogger, warn: write('warn'), error: write('error'), child: () => logger }
  const app = new App(name, { broker: `kafka://${inject('kafka')}`, logger })
  const connection = await app.connect()
  onTestFinished(() => connection.close())
  await connection.admin.createTopics(specs)
  return { app, admin: connection.admin, lines }
}
