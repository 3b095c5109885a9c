import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kafkaFolder, kafkaVersion } from '../../scripts/kafka/distribution.js'
import { freePorts, isFree } from '../../scripts/kafka/ports.js'
import { createTopic, eventually, partitionsOf } from './steering.js'

const script = fileURLToPath(new URL('../../scripts/kafka.ts', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const started: ChildProcess[] = []
let port: number

beforeAll(async () => {
  port = (await freePorts(1))[0]!
})

afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(join(kafkaFolder, `port-${port}`), { recursive: true, force: true })
})

interface Run {
  readonly child: ChildProcess
  /** The first line that it prints, wherever. */
  readonly line: string
}

/** `npm run kafka -- …`, up to its first line. */
async function kafka(...words: string[]): Promise<Run> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, '--port', String(port), ...words], { cwd: root })
  started.push(child)
  const lines = [child.stdout, child.stderr].map(stream => once(createInterface(stream), 'line'))
  const [line] = (await Promise.race(lines)) as [string]
  return { child, line }
}

/** Sends the signal; resolves to the exit code when nobody listens any more. */
async function end({ child }: Run, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, 'exit') as Promise<[number | null]>
  child.kill(signal)
  const [code] = await ended
  if (signal !== 'SIGKILL') expect(await isFree(port)).toBe(true)
  await eventually('end of Kafka', () => isFree(port))
  return code
}

test('it says in one line how to use it, stops on Ctrl-C, and goes on with the same messages until --fresh', async () => {
  const bootstrap = `localhost:${port}`
  const first = await kafka()
  expect(first.line).toBe(
    `Kafka ${kafkaVersion} listens: FAUST_BROKER=kafka://localhost:${port} (messages in .kafka/port-${port}; Ctrl-C stops it)`,
  )
  await createTopic(bootstrap, { name: 'kept', partitions: 3 })
  expect(await end(first, 'SIGINT')).toBe(0)

  const second = await kafka()
  expect(await partitionsOf(bootstrap, 'kept')).toHaveLength(3)
  expect((await kafka()).line).toMatch(new RegExp(`^Port ${port} is taken`))
  await end(second, 'SIGKILL')

  const third = await kafka()
  expect(await partitionsOf(bootstrap, 'kept')).toHaveLength(3)
  expect(await end(third, 'SIGTERM')).toBe(0)

  const fresh = await kafka('--fresh')
  expect(await partitionsOf(bootstrap, 'kept')).toEqual([])
  expect(await end(fresh, 'SIGINT')).toBe(0)
})

test('it touches no messages when a port is taken, and says so', async () => {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  const { line } = await kafka('--fresh')
  expect(line).toMatch(new RegExp(`^Port ${port} is taken`))
  expect(existsSync(join(kafkaFolder, `port-${port}`, 'cluster-id'))).toBe(true)
  server.close()
})

test('what cannot be understood gets a line with the usage', async () => {
  for (const words of [
    ['--nodes', 'many'],
    ['--nodez', '3'],
    ['--port', '0'],
  ]) {
    expect((await kafka(...words)).line).toMatch(/Usage: npm run kafka -- /)
  }
})
