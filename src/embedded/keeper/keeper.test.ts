import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ClosedError, TransportError } from '../../errors.js'
import { nextTurn, systemClock } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import { type Logger, silentLogger } from '../../lib/log.js'
import { virtualClock, type VirtualClock } from '../../testing/virtual-clock.js'
import { type Claim, claimDirectory } from './keeper.js'
import { LocalSocket } from './local-socket.js'

let directory: string
let claims: Claim[]
let threads: Worker[]
const started = (thread: Worker): unknown => threads.push(thread)

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'faust-test-')))
  claims = []
  threads = []
  process.on('worker', started)
})

afterEach(async () => {
  await Promise.all(claims.map(each => each.release()))
  process.off('worker', started)
  await Promise.all(threads.filter(({ threadId }) => threadId !== -1).map(each => once(each, 'exit')))
  expect(readdirSync(directory)).not.toContain('broker.sock')
  rmSync(directory, { recursive: true })
})

test('where nobody serves, the process does; with the last claim it stops', async () => {
  const one = await claim()
  const socket = await dialled(one)
  const two = await claim()
  await dialled(two)
  expect(threads).toHaveLength(1)
  await one.release()
  expect(socket.destroyed).toBe(false)
  const closed = closing(socket)
  await two.release()
  await closed
  expect(readdirSync(directory).toSorted()).toEqual(['format', 'logs', 'metadata'])
})

test('every spelling of a directory is the same', async () => {
  const link = `${directory}.link`
  symlinkSync(directory, link)
  const [one, two] = [await claim(), await claim({ path: link })]
  await Promise.all([dialled(one), dialled(two)])
  expect([one.directory, two.directory]).toEqual([directory, directory])
  expect(threads).toHaveLength(1)
  rmSync(link)
})

test('a claim after the last release begins anew, even while the old one hands over', async () => {
  const one = await claim()
  await dialled(one)
  const released = one.release()
  const two = await claim()
  await Promise.all([released, dialled(two)])
})

test('a broker that takes its time to open is waited for', async () => {
  const clock = virtualClock()
  const lines: string[] = []
  const one = await claim({ clock, log: logTo(lines) })
  await passing(clock, dialled(one), 1_000)
  expect(clock.elapsed()).toBeGreaterThan(11_000)
  expect(lines.filter(line => line.includes('takes long to open its files'))).toHaveLength(1)
})

test('the thread speaks through the log of whoever is there', async () => {
  const lines: string[] = []
  const one = await claim({ log: logTo(lines) })
  await dialled(one)
  await one.release()
  expect(lines).toContainEqual(`info This process now serves the embedded broker in ${directory}. {"epoch":1}`)
})

test('a thread that dies is reported and started again', async () => {
  const lines: string[] = []
  const one = await claim({ log: logTo(lines) })
  const socket = await dialled(one)
  const closed = closing(socket)
  await threads[0]?.terminate()
  await closed
  await dialled(one)
  expect(threads).toHaveLength(2)
  expect(lines.filter(line => line.startsWith('error'))).toEqual([
    expect.stringMatching(/^error This process has no thread any more .*has died: it ended by itself/),
  ])
})

describe('a client of another process', () => {
  let other: LocalSocket | null
  beforeEach(async () => {
    other = await LocalSocket.claim(directory)
    await other?.appear(() => undefined)
  })
  afterEach(() => other?.close())

  test('stands by after two seconds, which keep no process alive', async () => {
    const clock = virtualClock()
    const one = await claim({ clock })
    await dialled(one)
    expect(clock.hasWork).toBe(false)
    await clock.advance(1_999)
    expect(threads).toHaveLength(0)
    await clock.advance(1)
    expect(threads).toHaveLength(1)
  })

  test('that only passes by has no thread', async () => {
    const clock = virtualClock()
    const one = await claim({ clock })
    await dialled(one)
    await one.release()
    await clock.advance(10_000)
    expect(threads).toHaveLength(0)
  })
})

describe('what is wrong reaches whoever dials:', () => {
  test('at once when it will not go away, and again the next time', async () => {
    const one = await claim()
    writeFileSync(join(directory, 'format'), '{"format":2}')
    for (let time = 0; time < 2; time++) {
      const refused = one.dial()
      await expect(refused).rejects.toBeInstanceOf(TransportError)
      await expect(refused).rejects.toMatchObject({ retriable: false, message: expect.stringContaining('in format 2') })
    }
    rmSync(join(directory, 'format'))
    await dialled(one)
  })

  test('after ten seconds when it may', async () => {
    mkdirSync(join(directory, 'metadata'))
    const holder = new ClassicLevel(join(directory, 'metadata'))
    await holder.open()
    const clock = virtualClock()
    const one = await claim({ clock })
    const refused = one.dial().catch((error: unknown) => error)
    await expect(passing(clock, refused)).resolves.toMatchObject({
      code: 'FAUST_TRANSPORT',
      retriable: true,
      message: expect.stringContaining('another process has it open but does not answer'),
    })
    expect(clock.elapsed()).toBeGreaterThanOrEqual(10_000)
    await holder.close()
    await passing(clock, dialled(one))
  })

  test('not at all when it has passed before', async () => {
    mkdirSync(join(directory, 'metadata'))
    const holder = new ClassicLevel(join(directory, 'metadata'))
    await holder.open()
    const tried = new Deferred<string>()
    const log = { ...silentLogger, warn: (_: object, message: string) => tried.resolve(message) }
    const one = await claim({ clock: virtualClock(), log })
    const dialling = dialled(one)
    expect(await tried.promise).toMatch(/does not answer.* Trying again\.$/)
    await holder.close()
    await dialling
  })

  test('a claim that has been released', async () => {
    const one = await claim()
    const refused = one.dial()
    await one.release()
    await expect(refused).rejects.toBeInstanceOf(ClosedError)
    await expect(one.dial()).rejects.toThrow(/the connection has been closed/)
    expect(threads).toHaveLength(0)
  })
})

interface Circumstances {
  readonly path?: string
  readonly clock?: VirtualClock
  readonly log?: Logger
}

async function claim({ path = directory, clock, log = silentLogger }: Circumstances = {}): Promise<Claim> {
  const made = await claimDirectory(path, { clock: clock ?? systemClock, log })
  claims.push(made)
  return made
}

async function dialled(by: Claim): Promise<Socket> {
  const socket = await by.dial()
  return socket.on('error', () => undefined).resume()
}

/** A connection that is cut off may report an error first. */
function closing(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.once('close', () => resolve()))
}

/** Lets time pass until something has happened that takes real time too. */
async function passing<Result>(clock: VirtualClock, result: Promise<Result>, stepMs = 10): Promise<Result> {
  let isOver = false
  void result.finally(() => (isOver = true))
  while (!isOver) {
    await clock.advance(stepMs)
    await nextTurn(systemClock)
  }
  return await result
}

function logTo(lines: string[]): Logger {
  const line = (level: string) => (facts: object, message: string) => {
    const words = Object.values(facts).map(fact => (fact instanceof Error ? fact.message : ''))
    lines.push(`${level} ${message} ${words.join('') || JSON.stringify(facts)}`)
  }
  const made: Logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), child: () => made }
  return made
}
