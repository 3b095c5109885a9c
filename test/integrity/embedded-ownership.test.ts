import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sleep, systemClock } from '../../src/lib/clock.js'
import type { KeeperProcess } from '../fixtures/keeper-process.js'
import { Scene } from '../fixtures/keeper-scene.js'

// Whatever happens to the processes around a directory, one at a time serves, and in the end nothing is left of them.

vi.setConfig({ testTimeout: 90_000, hookTimeout: 30_000 })

let scene: Scene
beforeEach(() => void (scene = new Scene()))

afterEach(async () => {
  await using over = scene
  const epochs = over.started.flatMap(({ served }) => served)
  expect(new Set(epochs).size).toBe(epochs.length)
  const codes = await Promise.all(over.living.map(each => each.end()))
  expect(codes.filter(code => code !== 0)).toEqual([])
  expect(readdirSync(over.directory).toSorted()).toEqual(['format', 'logs', 'metadata'])
})

test('of twenty processes that begin at once one serves', async () => {
  await scene.connect(20)
  expect(scene.started.flatMap(({ served }) => served)).toEqual([1])
})

test('an owner that is killed is replaced within milliseconds', async () => {
  await replaced(owner => owner.kill())
})

test('an owner that ends hands over', async () => {
  await replaced(owner => owner.end())
})

test.for(['read the lock', 'open the files'] as const)(
  'an owner without its lock stays the only one: to %s drops it',
  async order => {
    await scene.connect(2)
    await scene.ready()
    const { owner } = scene
    await owner.obey(order)
    expect(isLockHeld()).not.toBe(true)
    await scene.connect(3)
    await scene.ready()
    const bystander = scene.living.find(each => each !== owner)
    await bystander?.kill()
    await scene.connect(1)
    expect(scene.started.flatMap(({ served }) => served)).toEqual([1])
    await Promise.all([owner.end(), scene.answeredIn(2, owner)])
  },
)

test('two threads of one process do not take the lock from each other', async () => {
  await scene.connect(1)
  await scene.connect(3, { mode: 'twice' })
  await Promise.all(scene.living.slice(1).map(each => each.until(({ readiness }) => readiness > 1)))
  for (let round = 2; round <= 4; round++) {
    const { owner } = scene
    const [last] = owner.served.slice(-1)
    await Promise.all([owner.kill(), scene.answeredIn((last ?? 0) + 1, owner)])
    expect(isLockHeld()).not.toBe(false)
  }
})

test('an owner whose socket is deleted gives way', async () => {
  await scene.connect(3)
  await scene.ready()
  rmSync(join(scene.directory, 'broker.sock'))
  await scene.connect(1)
  await scene.answeredIn(2)
})

test('an owner that is frozen is waited for', async () => {
  await scene.connect(2)
  await scene.ready()
  const { owner } = scene
  owner.signal('SIGSTOP')
  const newcomer = scene.start()
  await newcomer.until(({ readiness }) => readiness > 0)
  await sleep(systemClock, 1_000, { kind: 'service' })
  expect(newcomer.epoch).toBe(0)
  owner.signal('SIGCONT')
  await scene.answeredIn(1)
})

test('a process whose thread has died starts another one', async () => {
  await scene.connect(1)
  await scene.owner.obey('end the thread')
  await scene.answeredIn(2)
})

test('a thread keeps no process alive, and one that ends with its process is replaced', async () => {
  await scene.connect(2)
  await scene.ready()
  const { owner } = scene
  const [code] = await Promise.all([owner.end('just end'), scene.answeredIn(2, owner)])
  expect(code).toBe(0)
})

/** Three times an owner goes, of four processes. */
async function replaced(go: (owner: KeeperProcess) => Promise<unknown>): Promise<void> {
  await scene.connect(4)
  await scene.ready()
  const tookMs: number[] = []
  for (let epoch = 2; epoch <= 4; epoch++) {
    const { owner } = scene
    const beganMs = systemClock.elapsed()
    await Promise.all([go(owner), scene.answeredIn(epoch, owner)])
    tookMs.push(Math.round(systemClock.elapsed() - beganMs))
  }
  console.log(`until the next owner had answered everybody: ${tookMs.join(', ')} ms`)
}

/** Linux says who holds which lock. */
function isLockHeld(): boolean | undefined {
  if (process.platform !== 'linux') return undefined
  const { ino } = statSync(join(scene.directory, 'metadata', 'LOCK'))
  return readFileSync('/proc/locks', 'utf8').includes(`:${ino} `)
}
