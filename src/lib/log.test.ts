import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createLogger, type LogLevel, silentLogger } from './log.js'

/** What a process of its own writes that runs `lines` with a logger `log`. */
async function logged(options: { level: LogLevel; format: 'json' | 'pretty'; colour?: boolean }, lines: string): Promise<string> {
  const program = `import { createLogger } from ${JSON.stringify(fileURLToPath(new URL('log.ts', import.meta.url)))}
    const log = await createLogger(${JSON.stringify(options)})
    ${lines}`
  const run = promisify(execFile)
  const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    env: { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: undefined },
  })
  expect(stdout).toBe('')
  return stderr
}

test('JSON goes to standard error, a line per call, from the level on, errors in full', async () => {
  const written = await logged(
    { level: 'info', format: 'json' },
    `log.debug({}, 'unheard')
     log.child({ agent: 'adding' }).info({ partitions: 8 }, 'rebalanced')
     log.error({ error: new RangeError('too far'), err: new TypeError('wrong') }, 'failed')`,
  )
  const lines = written
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  expect(lines).toHaveLength(2)
  expect(lines[0]).toEqual({
    level: 'info',
    time: expect.any(Number) as number,
    agent: 'adding',
    partitions: 8,
    msg: 'rebalanced',
  })
  expect(lines[1]).toMatchObject({ level: 'error', msg: 'failed', error: { type: 'RangeError', message: 'too far' } })
  expect(lines[1]).toMatchObject({ err: { type: 'TypeError', stack: expect.stringContaining('wrong') as string } })
})

test('pretty lines hold time, level, message and the facts, and no stack', async () => {
  const written = await logged(
    { level: 'info', format: 'pretty', colour: false },
    `log.child({ agent: 'adding' }).info({ topics: { orders: [0, 1] }, who: 'a b', where: 'x' }, 'rebalanced')
     log.error({ error: new RangeError('too far', { cause: new TypeError('wrong') }), offset: 3 }, 'failed')`,
  )
  const [first, second, ...rest] = written.split('\n')
  expect(first).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: rebalanced agent=adding topics=\{"orders":\[0,1\]\} who="a b" where=x$/)
  expect(second).toMatch(/^\[[\d:.]+\] ERROR: failed error=RangeError: too far \(TypeError: wrong\) offset=3$/)
  expect(rest).toEqual([''])
})

test('pretty lines have stacks at level debug, and colour when asked for', async () => {
  const written = await logged(
    { level: 'debug', format: 'pretty', colour: true },
    `log.warn({ error: new RangeError('too far') }, 'failed')`,
  )
  expect(written).toContain('RangeError: too far\n    at ')
  expect(written).toContain('\u001B[')
})

test('the silent logger and its children say nothing', async () => {
  expect(await createLogger({ level: 'silent', format: 'json' })).toBe(silentLogger)
  expect(silentLogger.child({ agent: 'adding' })).toBe(silentLogger)
  expect(silentLogger.error({}, 'unheard')).toBeUndefined()
})
