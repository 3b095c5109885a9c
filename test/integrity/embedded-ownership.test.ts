import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sleep, systemClock } from '../../src/lib/clock.js'
import { type Circumstances, KeeperProcess, type Word } from '../fixtures/keeper-process.js'

// Real processes around one directory: whatever happens to them, one at a time serves, and in the end nothing is left.

const timeout = 90_000
let directory: string
let started: KeeperProcess[]
let mounted: string | null = null

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'faust-owner-')))
  started = []
})

afterEach(async () => {
  await Promise.all(started.map(each => each.kill()))
  if (mounted !== null) spawnSync('umount', [mounted])
  mounted = null
  rmSync(directory, { recursive: true, force: true })
})

describe('one at a time serves', { timeout }, () => {
  afterEach(async () => {
    const epochs = started.flatMap(({ served }) => served)
    expect(new Set(epochs).size).toBe(epochs.length)
    expect(await Promise.all(living().map(each => each.leave()))).toEqual(living().map(() => 0))
    expect(readdirSync(directory).toSorted()).toEqual(['format', 'logs', 'metadata'])
  })

  test('of twenty processes that begin at once', async () => {
    await connected(20)
    expect(started.flatMap(({ served }) => served)).toEqual([1])
  })

  test('after an owner was killed: the next one answers within milliseconds', async () => {
    await connected(4)
    await allReady()
    const tookMs: number[] = []
    for (let epoch = 2; epoch <= 4; epoch++) {
      const beganMs = systemClock.elapsed()
      const killed = owner()
      await Promise.all([killed.kill(), answeredIn(epoch, killed)])
      tookMs.push(Math.round(systemClock.elapsed() - beganMs))
    }
    console.log(`from SIGKILL to an answer of the next owner for everybody: ${tookMs.join(', ')} ms`)
  })

  test('after an owner has ended', async () => {
    await connected(4)
    await allReady()
    const tookMs: number[] = []
    for (let epoch = 2; epoch <= 4; epoch++) {
      const beganMs = systemClock.elapsed()
      const leaving = owner()
      await Promise.all([leaving.leave(), answeredIn(epoch, leaving)])
      tookMs.push(Math.round(systemClock.elapsed() - beganMs))
    }
    console.log(`from the order to leave to an answer of the next owner for everybody: ${tookMs.join(', ')} ms`)
  })

  test.for(['read the lock', 'open the files'] as const)('when its lock is lost: to %s drops it', async order => {
    await connected(2)
    await allReady()
    await owner().obey(order)
    expectLockToBeFree()
    await connected(3)
    await allReady()
    const first = owner()
    await living()
      .find(each => each !== first)
      ?.kill()
    await connected(1)
    expect(owner()).toBe(first)
    await Promise.all([first.leave(), answeredIn(2, first)])
  })

  test('when its socket is deleted', async () => {
    await connected(3)
    await allReady()
    rmSync(join(directory, 'broker.sock'))
    await connected(1)
    await answeredIn(2)
  })

  test('while the owner is frozen', async () => {
    await connected(2)
    await allReady()
    const frozen = owner()
    frozen.signal('SIGSTOP')
    const newcomer = start()
    await newcomer.until(({ isReady }) => isReady)
    await sleep(systemClock, 1_000, { kind: 'service' })
    expect(newcomer.epoch).toBe(0)
    frozen.signal('SIGCONT')
    await answeredIn(1)
  })

  test('after its thread has died', async () => {
    await connected(1)
    await owner().obey('end the thread')
    await answeredIn(2)
  })
})

describe('what is in the way is said with what to do', { timeout }, () => {
  test('a directory without permission', async () => {
    expect(await refusal(withoutPermission())).toMatchObject({
      ...final,
      message: expect.stringMatching(
        /no permission to read and write there\. Run as the user who owns the directory, or name another one\.$/,
      ),
    })
  })

  test('a directory of a newer version', async () => {
    writeFileSync(join(directory, 'format'), '{"format":2}')
    expect(await refusal()).toMatchObject({
      ...final,
      message: expect.stringMatching(
        /a newer version of faust-ts wrote it, in format 2, and this one knows format 1\. Upgrade faust-ts/,
      ),
    })
    expect(readdirSync(directory)).toEqual(['format'])
  })

  test('a path too long for a local socket, unless the temporary directory is short enough', async () => {
    const long = join(directory, 'x'.repeat(100))
    const temporary = join(directory, 'y'.repeat(90))
    mkdirSync(temporary)
    expect(await refusal({ at: long, env: { TMPDIR: temporary } })).toMatchObject({
      ...final,
      message: expect.stringMatching(/the path is too long for a local socket, .* Set TMPDIR to a short path/),
    })
    const [one, two] = [start({ at: long }), start({ at: long, env: { TMPDIR: directory } })]
    await Promise.all([one, two].map(each => each.until(({ epoch }) => epoch === 1)))
    expect([...one.served, ...two.served]).toEqual([1])
    expect(await Promise.all([one.leave(), two.leave()])).toEqual([0, 0])
    expect(readdirSync(directory)).toHaveLength(2)
    expect(readdirSync(temporary)).toEqual([])
  })

  test('a file size that is limited, after ten seconds', async () => {
    expect(await refusal({ prelude: 'ulimit -f 0;', env: { TSX_DISABLE_CACHE: '1' } })).toMatchObject({
      ...passing,
      message: expect.stringMatching(/a file has reached the largest size allowed\. Raise the limit \(ulimit -f\)\.$/),
    })
  })

  test('a lock in the hands of a process that does not answer, after ten seconds; then work begins', async () => {
    const holder = start({ isHolding: true })
    await holder.until(it => it.said('holding').length > 0)
    expect(await refusal()).toMatchObject({
      ...passing,
      message: expect.stringMatching(
        /another process has it open but does not answer\. If this lasts, see which one it is \(lsof .*LOCK\)/,
      ),
    })
    await holder.leave()
    await answeredIn(1)
  })

  test('a full disk, after ten seconds; then work begins', async context => {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
    if (status !== 0) return context.skip('this user may not mount a small disk')
    mounted = directory
    fill(join(directory, 'filling'))
    expect(await refusal()).toMatchObject({ ...passing, message: expect.stringMatching(/the disk is full\. Free some space/) })
    rmSync(join(directory, 'filling'))
    await answeredIn(1)
  })

  const final = { type: 'refused', code: 'FAUST_TRANSPORT', retriable: false }
  const passing = { ...final, retriable: true }
})

interface Where extends Circumstances {
  readonly at?: string
}

function start({ at = directory, ...circumstances }: Where = {}): KeeperProcess {
  const made = new KeeperProcess(at, circumstances)
  started.push(made)
  return made
}

async function connected(count: number): Promise<void> {
  const made = Array.from({ length: count }, () => start())
  await Promise.all(made.map(each => each.until(({ epoch }) => epoch > 0)))
}

function living(): KeeperProcess[] {
  return started.filter(({ isRunning }) => isRunning)
}

/** Each has a thread that serves or would. */
async function allReady(): Promise<void> {
  await Promise.all(living().map(each => each.until(({ isReady }) => isReady)))
}

/** The last to have begun to serve. */
function owner(): KeeperProcess {
  const [last] = living().toSorted((one, other) => (other.served.at(-1) ?? 0) - (one.served.at(-1) ?? 0))
  if (last === undefined) throw new Error('nobody is left')
  return last
}

/** Everybody but the one who goes has heard from the owner of this epoch. */
async function answeredIn(wanted: number, leaving?: KeeperProcess): Promise<void> {
  const staying = living().filter(each => each !== leaving)
  await Promise.all(staying.map(each => each.until(({ epoch }) => epoch >= wanted)))
}

/** Linux says who holds which lock. */
function expectLockToBeFree(): void {
  if (process.platform !== 'linux') return
  const { ino } = statSync(join(directory, 'metadata', 'LOCK'))
  expect(readFileSync('/proc/locks', 'utf8')).not.toMatch(new RegExp(`:${ino} `))
}

/** The first thing that a process is refused with. */
async function refusal(where: Where = {}): Promise<Word | undefined> {
  const refused = start(where)
  await refused.until(it => it.said('refused').length > 0)
  return refused.said('refused')[0]
}

/** Nobody may write there. For root that is somebody else. */
function withoutPermission(): Circumstances {
  const isRoot = process.getuid?.() === 0
  chmodSync(directory, isRoot ? 0o755 : 0o555)
  return isRoot ? { uid: 65534, env: { TSX_DISABLE_CACHE: '1' } } : {}
}

/** Writes until the disk takes no more. */
function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(4096))
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  }
}
