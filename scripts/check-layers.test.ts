import { describe, expect, test } from 'vitest'
import { checkLayers, readEntries } from './check-layers.js'

const entries = readEntries(
  JSON.stringify({
    name: 'faust-ts',
    exports: {
      '.': { 'faust-ts:source': './src/index.ts', default: './dist/index.js' },
      './testing': { 'faust-ts:source': './src/testing/testing.ts' },
      './transport': { 'faust-ts:source': './src/transport/transport.ts' },
      './package.json': './package.json',
    },
  }),
)

const check = (files: Record<string, string>): string[] => checkLayers(new Map(Object.entries(files)), entries)
const uses = (specifier: string): string => `import { it } from '${specifier}'\nit()\n`

/** What is said when the file at `path` imports `specifier`. */
const saysOf = (path: string, specifier: string): string[] => check({ [path]: uses(specifier) })

test('the entries are read from the exports of package.json', () => {
  expect([...entries]).toEqual([
    ['faust-ts', 'src/index.ts'],
    ['faust-ts/testing', 'src/testing/testing.ts'],
    ['faust-ts/transport', 'src/transport/transport.ts'],
  ])
})

describe('what the table allows', () => {
  test.each([
    ['src/lib/queue.ts', '../errors.js'],
    ['src/lib/queue.ts', './deferred.js'],
    ['src/errors.ts', './lib/duration.js'],
    ['src/message/codec.ts', '../lib/log.js'],
    ['src/transport/transport.ts', '../message/record.js'],
    ['src/store/memory.ts', './store.js'],
    ['src/stream/stream.ts', '../transport/transport.js'],
    ['src/worker/worker.ts', '../agent/actor.js'],
    ['src/app/app.ts', '../worker/worker.js'],
    ['src/app/drivers.ts', '../embedded/embedded.js'],
    ['src/index.ts', './app/app.js'],
    ['src/embedded/broker/log.ts', '../../transport/transport.js'],
    ['src/embedded/embedded.ts', './broker/log.js'],
    ['src/web/server.ts', '../index.js'],
    ['src/web/server.ts', '../lib/clock.js'],
    ['src/monitor/counts.ts', '../lib/trace.js'],
    ['src/cli/worker.ts', 'faust-ts'],
    ['src/testing/test-worker.ts', '../embedded/embedded.js'],
    ['src/testing/contract/store.ts', '../../store/store.js'],
    ['src/stream/stream.test.ts', '../testing/virtual-clock.js'],
    ['src/stream/stream.test.ts', '../message/record.js'],
    ['src/app/app.test.ts', '../embedded/embedded.js'],
    ['src/embedded/log.test.ts', '../testing/contract/transport.js'],
    ['src/cli/worker.test.ts', '../app/app.js'],
    ['src/errors.test.ts', './lib/duration.js'],
    ['src/stream/stream.ts', 'node:fs'],
    ['examples/01-hello/main.ts', 'faust-ts'],
    ['examples/01-hello/check.ts', './main.js'],
  ])('%s may import %s', (path, specifier) => {
    expect(saysOf(path, specifier)).toEqual([])
  })
})

describe('what the table forbids', () => {
  test.each([
    ['src/errors.ts', './message/record.js', 'layer 0 may import nothing of ours'],
    ['src/message/codec.ts', '../transport/transport.js', 'layer 1 may import layer 0 besides'],
    ['src/transport/transport.ts', '../store/store.js', 'layer 2 may import layers 0 to 1'],
    ['src/stream/stream.ts', '../channel/topic.js', 'a repartition function'],
    ['src/channel/topic.ts', '../table/table.js', 'table is layer 5'],
    ['src/table/table.ts', '../agent/actor.js', 'A stage knows no stage above'],
    ['src/agent/actor.ts', '../worker/ledger.js', 'worker is layer 7'],
    ['src/worker/worker.ts', '../app/app.js', 'app is layer 8'],
    ['src/app/app.ts', '../index.js', 'index.ts is the public surface'],
    ['src/app/app.ts', 'faust-ts', 'index.ts is the public surface'],
    ['src/agent/actor.ts', '../embedded/embedded.js', 'only app/ picks one, by URL'],
    ['src/index.ts', './embedded/embedded.js', 'only app/ picks one, by URL'],
    ['src/app/app.ts', '../monitor/monitor.js', 'does not know its consumers'],
    ['src/embedded/log.ts', '../stream/event.js', 'a driver may import layers 0 to 2'],
    ['src/embedded/log.ts', '../kafka/wire.js', 'a driver may import layers 0 to 2'],
    ['src/embedded/log.ts', '../testing/virtual-clock.js', 'a driver may import layers 0 to 2'],
    ['src/cli/worker.ts', '../app/app.js', 'cli/ may import index.ts, the contracts'],
    ['src/cli/worker.ts', '../lib/queue.js', 'cli/ may import index.ts, the contracts'],
    ['src/cli/worker.ts', '../transport/other.js', 'cli/ may import index.ts, the contracts'],
    ['src/web/server.ts', '../monitor/counts.js', 'web/ may import index.ts, the contracts'],
    ['src/web/server.ts', '../embedded/embedded.js', 'web/ may import index.ts, the contracts'],
    ['src/testing/test-worker.ts', '../kafka/wire.js', 'embedded/ and its own folder only'],
    ['src/stream/stream.test.ts', '../channel/topic.js', 'a test stands on its own layer'],
    ['src/worker/worker.test.ts', '../embedded/embedded.js', 'a test stands on its own layer'],
    ['src/embedded/log.test.ts', '../stream/event.js', 'a test stands on its own layer'],
    ['src/stream/stream.ts', './stream.test.js', 'nobody imports a test file'],
    ['src/stream/stream.ts', '../../test/fixture.js', 'src stands alone'],
    ['examples/01-hello/main.ts', '../../src/index.js', 'an example imports what a reader can'],
    ['examples/01-hello/main.ts', '../02-words/main.js', 'an example imports what a reader can'],
  ])('%s must not import %s', (path, specifier, words) => {
    const problems = saysOf(path, specifier)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(`${path}:1 imports `)
    expect(problems[0]).toContain(words)
  })

  test.each([
    ['a type import', `import type { Topic } from '../channel/topic.js'`],
    ['a side-effect import', `import '../channel/topic.js'`],
    ['a dynamic import', `await import('../channel/topic.js')`],
    ['a type query', `type Topic = import('../channel/topic.js').Topic`],
    ['a type query in a signature', `export function open(topic: typeof import('../channel/topic.js')): void {}`],
  ])('%s counts too', (_, text) => {
    expect(check({ 'src/stream/stream.ts': text })[0]).toContain('channel is layer 4')
  })

  test('a folder that the table does not name', () => {
    expect(check({ 'src/sugar/sweet.ts': '' })).toEqual([expect.stringContaining('its folder is not in the layer table')])
    expect(check({ 'src/main.ts': '' })).toEqual([expect.stringContaining('its folder is not in the layer table')])
  })

  test('an index.ts inside a folder', () => {
    expect(check({ 'src/stream/index.ts': '' })).toEqual([expect.stringContaining('no index.ts inside folders')])
    expect(check({ 'src/index.ts': '' })).toEqual([])
  })
})

describe('re-exports', () => {
  test.each([
    ['export from', `export { queue } from './queue.js'`],
    ['export type from', `export type { Queue } from './queue.js'`],
    ['export * from', `export * from './queue.js'`],
    ['import, then export', `import { queue } from './queue.js'\nexport { queue as line }`],
    ['namespace import, then export', `import * as queue from './queue.js'\nexport { queue }`],
  ])('%s is an error outside the entry files', (_, text) => {
    expect(check({ 'src/lib/line.ts': text })).toEqual([
      expect.stringContaining('re-exports: only src/index.ts and the entry files'),
    ])
  })

  test('entry files re-export by name, never with *', () => {
    const named = `export { App } from './app/app.js'`
    expect(check({ 'src/index.ts': named })).toEqual([])
    expect(check({ 'src/testing/testing.ts': `export { testWorker } from './test-worker.js'` })).toEqual([])
    expect(check({ 'src/index.ts': `export * from './app/app.js'` })).toEqual([expect.stringContaining('re-exports with *')])
  })

  test('a list of own names is no re-export', () => {
    expect(check({ 'src/lib/line.ts': 'const line = 1\nexport { line }' })).toEqual([])
  })
})

describe('cycles', () => {
  const link = (to: string, kind = ''): string => `import ${kind} { it } from './${to}.js'\n`

  test('each knot is told once, with the way round', () => {
    const problems = check({
      'src/lib/a.ts': link('b'),
      'src/lib/b.ts': link('c', 'type'),
      'src/lib/c.ts': link('a'),
      'src/lib/x.ts': link('y') + link('a'),
      'src/lib/y.ts': link('x'),
    })
    expect(problems).toHaveLength(2)
    expect(problems[0]).toContain('src/lib/a.ts → src/lib/b.ts → src/lib/c.ts → src/lib/a.ts: an import cycle')
    expect(problems[1]).toContain('src/lib/x.ts → src/lib/y.ts → src/lib/x.ts: an import cycle')
  })

  test('a file that imports itself', () => {
    expect(check({ 'src/lib/a.ts': link('a') })).toEqual([
      expect.stringContaining('src/lib/a.ts → src/lib/a.ts: an import cycle'),
    ])
  })

  test('two ways to one file are no cycle', () => {
    expect(check({ 'src/lib/a.ts': link('b') + link('c'), 'src/lib/b.ts': link('c'), 'src/lib/c.ts': '' })).toEqual([])
  })
})
