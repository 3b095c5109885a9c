import { afterEach, expect, test, vi } from 'vitest'
import { readCommandLine, setEnvironment, wantsStack } from './globals.js'

afterEach(() => vi.unstubAllEnvs())

test('global options count before and behind the command', () => {
  const globals = { app: './app.ts', logLevel: 'info', broker: 'memory:' }
  expect(readCommandLine(['-A', './app.ts', 'worker', '-l', 'info', '--broker=memory:'])).toEqual({ globals, commandIndex: 2 })
  expect(readCommandLine(['worker', '--log-level', 'info', '-A./app.ts', '--broker', 'memory:'])).toEqual({
    globals,
    commandIndex: 0,
  })
})

test('what only the command knows is passed over', () => {
  expect(readCommandLine(['--json', 'send-value', '4', '--print', '-A', 'app'])).toEqual({
    globals: { json: true, app: 'app' },
    commandIndex: 1,
  })
  expect(readCommandLine(['send-value', '--', '-A', 'app'])).toEqual({ globals: {}, commandIndex: 0 })
  expect(readCommandLine(['--help'])).toEqual({ globals: {}, commandIndex: 1 })
  expect(() => readCommandLine(['worker', '-A'])).toThrow(/argument missing/)
})

test('the command line wins over the environment', () => {
  vi.stubEnv('FAUST_BROKER', 'memory:environment')
  vi.stubEnv('FAUST_DATADIR', 'environment')
  setEnvironment({ broker: 'memory:line' })
  expect([process.env['FAUST_BROKER'], process.env['FAUST_DATADIR']]).toEqual(['memory:line', 'environment'])
})

test.each([
  [{}, '', false],
  [{}, '0', false],
  [{}, 'false', false],
  [{}, '1', true],
  [{ debug: true }, '', true],
  [{ logLevel: 'debug' as const }, '', true],
  [{ logLevel: 'info' as const }, '', false],
])('stacks with %o and FAUST_DEBUG=%s: %s', (globals, variable, expected) => {
  vi.stubEnv('FAUST_DEBUG', variable)
  expect(wantsStack(globals)).toBe(expected)
})
