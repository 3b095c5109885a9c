import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { nextTurn, systemClock } from '../lib/clock.js'
import { isDead, processIdentity } from './process-identity.js'

const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

async function run(command: string, words: readonly string[]): Promise<{ child: ChildProcess; says: string }> {
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, says: chunk.toString().trim() }
}

/** A process that has told its identity and stays. */
function another(): ReturnType<typeof run> {
  const file = JSON.stringify(fileURLToPath(new URL('./process-identity.ts', import.meta.url)))
  const program = `import(${file}).then(file => { console.log(file.processIdentity()); setInterval(() => undefined, 60_000) })`
  return run(process.execPath, ['--conditions=faust-ts:source', '--import', import.meta.resolve('tsx'), '-e', program])
}

/** As this process's identity, but for these parts. */
function forged({ pid = process.pid, start, world }: { pid?: number; start?: string; world?: string }): string {
  const [ownWorld, , ownStart] = (processIdentity() ?? '').split(' ')
  return [world ?? ownWorld, pid, start ?? ownStart].join(' ')
}

test('a process is alive, and the same each time it is asked', () => {
  const identity = processIdentity() ?? expect.fail('this system does not say who a process is')
  expect([processIdentity(), isDead(identity)]).toEqual([identity, false])
})

test('another process is alive until it is killed', async () => {
  const { child, says } = await another()
  expect([says === processIdentity(), isDead(says)]).toEqual([false, false])
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(isDead(says)).toBe(true)
})

test.for(['', ' ', 'nonsense', 'linux 1 1', 'darwin 999999999', 'win32 x', 'null'])('nobody is known to be %o', identity => {
  expect(isDead(identity)).toBe(false)
})

describe.runIf(existsSync('/proc/self/stat'))('on Linux', () => {
  test('a number that was given to another process does not make the old one alive', () => {
    expect(isDead(forged({ start: '1' }))).toBe(true)
  })

  test('one that may not be signalled is alive', () => {
    const kill = process.kill.bind(process)
    try {
      process.kill = () => {
        throw Object.assign(new TypeError('not permitted'), { code: 'EPERM' })
      }
      expect(isDead(forged({ start: '1' }))).toBe(false)
    } finally {
      process.kill = kill
    }
  })

  test.for([0, 1, 2, 3])('one of another boot or namespace is never dead (part %i)', part => {
    const [world = ''] = (processIdentity() ?? '').split(' ')
    const parts = world.split('/')
    expect(parts).toHaveLength(4)
    parts[part] += 'x'
    expect(isDead(forged({ world: parts.join('/'), start: '1' }))).toBe(false)
  })

  test('one that has ended is dead, also while its parent does not look after it', async () => {
    const { says } = await run('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'])
    const stat = (): string[] => readFileSync(`/proc/${says}/stat`, 'utf8').split(' ')
    const deadlineMs = systemClock.elapsed() + 5000
    while (stat()[2] !== 'Z' && systemClock.elapsed() < deadlineMs) await nextTurn(systemClock)
    const start = stat()[21] ?? expect.fail('no start')
    expect(isDead(forged({ pid: Number(says), start }))).toBe(true)
  })
})
