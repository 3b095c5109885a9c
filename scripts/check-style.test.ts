import { describe, expect, test } from 'vitest'
import { checkStyle, commentLines } from './check-style.js'

const check = (path: string, text: string): string[] => checkStyle(new Map([[path, text]]))

describe('errors and time in src', () => {
  test.each([
    ['throw new Error("no")', 'creates a bare Error'],
    ['const problem = new TypeError("no")', 'creates a bare TypeError'],
    ['throw Error("no")', 'creates a bare Error'],
    ['const now = new Date()', 'reads the time of day'],
    ['const now = Date()', 'reads the time of day'],
  ])('%s', (text, words) => {
    expect(check('src/agent/actor.ts', text)).toEqual([expect.stringContaining(`src/agent/actor.ts:1 ${words}`)])
  })

  test.each([
    ['src/agent/actor.ts', 'throw new SendError("no")'],
    ['src/agent/actor.ts', 'class SendError extends Error {}'],
    ['src/agent/actor.ts', 'const at = new Date(0)'],
    ['src/agent/actor.ts', '// throw new Error()\nconst text = "new Error()"'],
    ['src/agent/actor.test.ts', 'throw new Error("of a user")'],
    ['src/lib/clock.ts', 'const now = new Date()'],
    ['scripts/bench.ts', 'throw new Error(`no ${new Date()}`)'],
  ])('%s may say: %s', (path, text) => {
    expect(check(path, text).filter(problem => !problem.includes('comments'))).toEqual([])
  })
})

describe('names', () => {
  test.each([
    'src/lib/string-helpers.ts',
    'src/utils/pad.ts',
    'test/common/app.ts',
    'src/agent/agent-manager.test.ts',
    'bench/misc.ts',
  ])('the file %s', path => {
    expect(check(path, '')).toEqual([expect.stringContaining('says nothing about what is inside')])
  })

  test.each(['class TopicManager {}', 'export class HTTPInfo {}', 'const made = class DataSet {}'])('%s', text => {
    expect(check('src/agent/actor.ts', text)).toEqual([expect.stringContaining('says nothing about what it does')])
  })

  test('words that only contain a banned one', () => {
    expect(check('src/app/datadir.ts', 'class Database {}\nclass Informed {}')).toEqual([])
  })
})

describe('unit tests', () => {
  test.each([
    [`vi.mock('./queue.js')`, 'vi.mock: no mocks'],
    ['const seen = vi.fn()', 'vi.fn: no mocks'],
    [`vi.spyOn(queue, 'push')`, 'vi.spyOn: no mocks'],
    ['await new Promise(resolve => setTimeout(resolve, 10))', 'setTimeout: no sleeps'],
    ['setImmediate(go)', 'setImmediate: no sleeps'],
    [`import { setTimeout } from 'node:timers/promises'`, 'node:timers/promises: no sleeps'],
  ])('%s', (text, words) => {
    expect(check('src/agent/actor.test.ts', text)).toEqual([expect.stringContaining(words)])
    expect(check('test/cli/worker.test.ts', text)).toEqual([])
  })

  test('the test of the clock may wait for real timers', () => {
    expect(check('src/lib/clock.test.ts', 'setTimeout(go, 1)')).toEqual([])
  })
})

describe('silenced rules', () => {
  test('need a reason', () => {
    const silence = '// oxlint-disable-next-line no-explicit-any'
    expect(check('bench/words.ts', silence)).toEqual([expect.stringContaining('without a reason')])
    expect(check('bench/words.ts', `${silence} -- the one variance alias`)).toEqual([])
  })
})

describe('comments', () => {
  test('a line counts when it holds nothing else', () => {
    const text = [
      '/**',
      ' * Said once.',
      ' */',
      'const a = 1 // beside',
      '',
      'const b = `',
      '// text',
      '`',
      '// alone',
      '/* two',
      '*/ b',
    ].join('\n')
    expect(commentLines(text)).toBe(5)
  })

  test('at most a fifth of src', () => {
    const line = 'go()\n'
    expect(check('src/lib/go.ts', `// why\n${line.repeat(4)}`)).toEqual([])
    expect(check('src/lib/go.ts', `// why\n${line.repeat(3)}`)).toEqual([
      expect.stringContaining('src: 25.0 % of its lines are comments'),
    ])
    expect(check('src/lib/go.test.ts', `// why\n${line}`)).toEqual([])
    expect(check('bench/go.ts', `// why\n${line}`)).toEqual([])
  })
})
