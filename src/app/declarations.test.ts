import { expect, test } from 'vitest'
import { DeclarationError, DuplicateNameError } from '../errors.js'
import { unchecked } from '../message/schema.js'
import { App } from './app.js'

const value = unchecked<number>()

test('a name is taken once per kind; another kind may have it too', () => {
  const app = new App('names')
  const run = async (): Promise<void> => undefined
  app.timer('same', { every: '1s' }, run)
  app.task('same', {}, run)
  app.command('same', {}, run)
  app.agent('same', {}, run)
  for (const [what, again] of [
    ['timer', () => app.timer('same', { every: '1s' }, run)],
    ['timer', () => app.crontab('same', { at: '* * * * *' }, run)],
    ['task', () => app.task('same', {}, run)],
    ['command', () => app.command('same', {}, run)],
    ['agent', () => app.agent('same', {}, run)],
  ] as const) {
    expect(again).toThrow(DuplicateNameError)
    expect(again).toThrow(`There is a ${what} "same" already. Give one of them another name.`)
  }
})

test('several topic values may share a name, and together say what it is like', () => {
  const app = new App('shared')
  app.topic('orders')
  app.topic(['orders', 'refunds'], { value, partitions: 3 })
  app.topic('orders', { value, compacted: true })
  expect(app.describe().topics).toEqual([
    { name: 'orders', partitions: 3, compacted: true },
    { name: 'refunds', partitions: 3 },
  ])
})

test('what does not make sense together is told at the start, all of it at once', async () => {
  const app = new App('confused', { broker: 'memory:confused' })
  app.topic('orders', { value, partitions: 3, retention: '1d', retentionBytes: 1000 })
  app.topic('orders', { value, partitions: 4, retention: '2d', retentionBytes: 2000, compacted: true })
  app.topic('orders', { value, partitions: 3, retention: '24h', compacted: false })
  const local = app.channel('local', { value })
  const isolated: unknown = app.agent('isolated', { topic: local, isolatedPartitions: true }, async () => undefined)
  // The types refuse a sink of an agent that yields nothing.
  addSink(isolated as Sinkable)
  const error = await app.start().catch((failure: unknown) => failure)
  expect(error).toBeInstanceOf(DeclarationError)
  expect((error as DeclarationError).problems).toEqual([
    'topic "orders" is declared with partitions 3 and 4: say it once, or the same',
    'topic "orders" is declared with retention 1d and 2d and 24h: say it once, or the same',
    'topic "orders" is declared with retentionBytes 1000 and 2000: say it once, or the same',
    'topic "orders" is declared with compacted true and false: say it once, or the same',
    'agent "isolated" has isolatedPartitions, but the channel "local" has no partitions: remove the option',
    'agent "isolated" has sinks, but its function never yields: write it as async function*, or remove .to(…)',
  ])
})

test('the same duration in other words is no disagreement', async () => {
  const app = new App('agreed', { broker: 'memory:agreed' })
  for (const retention of ['1d', '24h'] as const) app.topic('orders', { value, retention })
  await using _running = await app.start()
})

interface Sinkable {
  to(sink: () => void): unknown
}

function addSink(agent: Sinkable): void {
  agent.to(() => undefined)
}
