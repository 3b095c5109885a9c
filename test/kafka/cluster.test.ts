import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, inject, test, vi } from 'vitest'
import { answers, readMetadata } from '../../scripts/kafka/metadata.js'
import { startCluster } from './cluster.js'
import { consumeLines, dumpLog, produceLines } from './java-tools.js'
import { running } from './running.js'
import { createTopic, eventually, leaderOf, partitionsOf } from './steering.js'

const leaveAlone = fileURLToPath(new URL('fixtures/left-alone.ts', import.meta.url))

/** Native code of the compressions, which a JVM unpacks before it can load it. */
const unpacked = (): string[] => readdirSync(tmpdir()).filter(name => /snappy|zstd|lz4/.test(name))

test('all suites share one node, which is there before them', async () => {
  expect(await answers(inject('kafka'))).toBe(true)
  expect(await readMetadata(inject('kafka'))).toEqual({ nodes: [1], controller: 1, partitions: [] })
})

test('a node that is killed or bounced comes back at the same address with every message', async () => {
  const before = unpacked()
  const started = performance.now()
  const cluster = await startCluster()
  console.log(`one node is ready after ${((performance.now() - started) / 1000).toFixed(1)} s`)
  const bootstrap = cluster.bootstrap()
  try {
    await createTopic(bootstrap, { name: 'kept', partitions: 2, config: { 'retention.ms': '-1' } })
    await produceLines(bootstrap, 'kept', ['one', 'two'], ['--compression-codec', 'snappy'])

    await cluster.kill(1)
    expect(await answers(bootstrap)).toBe(false)
    await cluster.start(1)
    const { pid } = cluster.broker(1)
    await cluster.bounce(1)
    expect(cluster.broker(1).pid).not.toBe(pid)

    expect(await partitionsOf(bootstrap, 'kept')).toMatchObject([{ leader: 1 }, { leader: 1 }])
    expect((await consumeLines(bootstrap, 'kept', { count: 2 })).toSorted()).toEqual(['one', 'two'])
    const dumps = await Promise.all([0, 1].map(partition => dumpLog(cluster, 1, { topic: 'kept', partition })))
    expect(dumps.join('\n')).toMatch(/compresscodec: snappy/)
    expect(dumps.join('\n')).toMatch(/payload: two/)
    expect(running(cluster.folder)).not.toEqual([])
  } finally {
    await cluster.close()
  }
  expect(running(cluster.folder)).toEqual([])
  expect(existsSync(cluster.folder)).toBe(false)
  expect(unpacked()).toEqual(before)
})

test('a frozen node takes connections and does not answer; it can be thawed, stopped and closed', async () => {
  const cluster = await startCluster({ config: { 'num.partitions': '7' } })
  const isStopWhole = (): boolean => existsSync(join(cluster.folder, '1', 'messages', '.kafka_cleanshutdown'))
  try {
    await createTopic(cluster.bootstrap(), { name: 'usual', partitions: -1 })
    expect(await partitionsOf(cluster.bootstrap(), 'usual')).toHaveLength(7)
    cluster.freeze(1)
    // Its threads stop one after the other.
    await eventually('silence', async () => !(await answers(cluster.bootstrap())))
    cluster.thaw(1)
    await cluster.ready()
    expect(await leaderOf(cluster.bootstrap(), { topic: 'usual', partition: 0 })).toBe(1)

    cluster.freeze(1)
    expect(isStopWhole()).toBe(false)
    await cluster.stop(1)
    expect(isStopWhole()).toBe(true)
    await cluster.start(1)
    cluster.freeze(1)
  } finally {
    await cluster.close()
  }
  expect(running(cluster.folder)).toEqual([])
  expect(existsSync(cluster.folder)).toBe(false)
})

test('a start that cannot succeed says what the node said, and leaves nothing', async () => {
  const own = mkdtempSync(join(tmpdir(), 'faust-test-'))
  vi.stubEnv('TMPDIR', own)
  try {
    await expect(startCluster({ config: { 'num.network.threads': '0' } })).rejects.toThrow(/num\.network\.threads/)
    expect(readdirSync(own)).toEqual([])
  } finally {
    vi.unstubAllEnvs()
    rmSync(own, { recursive: true })
  }
})

test('whatever the program that started them dies of, nodes, Java programs and files go', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', leaveAlone], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { folder, bootstrap } = JSON.parse(line) as { folder: string; bootstrap: string }
  const isLeft = (): boolean => [...running(folder), ...running(bootstrap)].length > 0 || existsSync(folder)
  expect(isLeft()).toBe(true)
  child.kill('SIGKILL')
  await eventually('end of what was left alone', () => Promise.resolve(!isLeft()))
})
