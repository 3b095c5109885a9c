import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import net, { type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StoreError } from '../../errors.js'
import { type Clock, systemClock, type Timer, type TimerKind } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import { type Logger, silentLogger } from '../../lib/log.js'
import { systemRandom } from '../../lib/random.js'
import { VirtualClock, virtualClock } from '../../testing/virtual-clock.js'
import { keep, type OpenBroker } from './keep.js'
import { connectTo } from './local-socket.js'
import type { Report } from './report.js'

let directory: string
let files: Files
let watches: Watch[]
/** Of all reports, and of attempts to open the files. */
const heard = new EventEmitter().setMaxListeners(100)

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'faust-test-')))
  files = new Files()
  watches = []
})

afterEach(async () => {
  await Promise.all(watches.map(each => each.stop()))
  expect(files).toMatchObject({ open: 0, mostOpen: Math.min(files.epoch, 1), clientsTooLate: 0 })
  expect(readdirSync(directory).filter(name => name !== 'format')).toEqual([])
  rmSync(directory, { recursive: true })
})

test('of twenty that begin at once one serves, and the others stand by', async () => {
  const all = await watching(20)
  expect(all.filter(({ state }) => state === 'serving')).toHaveLength(1)
  expect(files.epoch).toBe(1)
})

test('each that stops hands over to the next, up to the last', async () => {
  await watching(5)
  // An epoch may pass in which somebody opens the files only to see that he is not needed.
  for (let epoch = 1; watches.length > 1;) {
    await stopOwner()
    epoch = Number(await servedIn(epoch + 1))
  }
})

describe('a lock that was dropped', () => {
  test('lets nobody in while the owner answers', async () => {
    await watching(2)
    files.isLocked = false
    await watching(5)
    expect(files.epoch).toBe(1)
  })

  test('lets nobody in before the owner has closed the files', async () => {
    await watching(5)
    const closing = new Deferred<void>()
    files.closing = closing.promise
    files.isLocked = false
    const [owner] = watches.splice(
      watches.findIndex(({ state }) => state === 'serving'),
      1,
    )
    const stopped = owner?.stop()
    // Whoever is cut off comes back at once, and is kept waiting.
    const [, next] = (await once(heard, 'report')) as [Watch, Report]
    expect(next).toEqual({ type: 'standing by' })
    closing.resolve()
    await Promise.all([stopped, servedIn(2)])
  })
})

test('a broker that fails is closed, and its place taken', async () => {
  await watching(3)
  files.last?.fail(new StoreError('the disk is gone'))
  expect(await servedIn(2)).toBe('2')
})

describe('an owner whose socket', () => {
  test('was removed stops at the next look, and another one serves', async () => {
    const clock = virtualClock()
    await watching(1, { clock })
    await watching(1)
    rmSync(socketFile())
    // The lock is held: nobody gets in before the owner has looked.
    await clock.advance(999)
    expect(files.epoch).toBe(1)
    await clock.advance(1)
    expect(await servedIn(2)).toBe('2')
  })

  test('was replaced becomes a client of the one who did', async () => {
    const clock = virtualClock()
    const [owner] = await watching(1, { clock })
    rmSync(socketFile())
    const usurper = stranger()
    await clock.advance(1_000)
    await owner?.until('standing by')
    expect(files.open).toBe(0)
    await Promise.all([owner?.stop(), usurper[Symbol.asyncDispose]()])
  })
})

describe('somebody who begins to answer meanwhile', () => {
  test('keeps the files from being opened', async () => {
    let other: net.Server | undefined
    heard.once('report', () => (other = stranger()))
    const one = watch()
    await one.until('standing by')
    expect(files.attempts).toBe(0)
    await Promise.all([one.stop(), other?.[Symbol.asyncDispose]()])
  })

  test('is noticed when they are open, and they are closed again', async () => {
    const opening = new Deferred<void>()
    files.opening = opening.promise
    const one = watch()
    await once(heard, 'open')
    const other = stranger()
    opening.resolve()
    await one.until('standing by')
    expect(files).toMatchObject({ open: 0, attempts: 1 })
    expect(one.reports).not.toContainEqual({ type: 'serving' })
    await Promise.all([one.stop(), other[Symbol.asyncDispose]()])
  })
})

describe('what may go away by itself is tried again:', () => {
  test('a full disk', async () => {
    files.error = Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC' })
    const one = watch()
    expect((await one.until('trouble')).error.message).toContain(`${directory}: the disk is full. Free some space`)
    files.error = null
    await one.until('serving')
  })

  test('a lock in the hands of somebody who does not answer', async () => {
    const other = await files.tryOpen()
    const one = watch()
    const { error } = await one.until('trouble')
    expect(error).toMatchObject({ code: 'FAUST_TRANSPORT', retriable: true })
    expect(error.message).toContain(`${directory}: another process has it open but does not answer. If this lasts, see which one`)
    await other?.close()
    await one.until('serving')
  })

  test('less and less often, and said in the log once', async () => {
    files.error = new StoreError('not now', { retriable: true })
    const clock = new WaitingClock()
    const lines: string[] = []
    watch({ clock, log: { ...silentLogger, warn: (_, message) => lines.push(message) } })
    while (clock.delaysMs.length < 30) {
      await once(clock.waits, 'wait')
      clock.skip(1_000)
    }
    expect(clock.delaysMs[0]).toBeLessThanOrEqual(2)
    expect(Math.max(...clock.delaysMs.slice(0, 5))).toBeLessThanOrEqual(32)
    expect(Math.min(...clock.delaysMs.slice(10))).toBeGreaterThanOrEqual(500)
    expect(Math.max(...clock.delaysMs)).toBeLessThanOrEqual(1_000)
    expect(lines).toEqual(['not now Trying again.'])
  })
})

describe('what will not go away ends it, with the error as it was:', () => {
  test('a broker that says so', async () => {
    files.error = new StoreError('damaged')
    await expect(watch().ended).rejects.toBe(files.error)
  })

  test('a directory of a newer version', async () => {
    writeFileSync(join(directory, 'format'), '{"format":9}')
    await expect(watch().ended).rejects.toThrow(/in format 9.* Upgrade faust-ts/)
    expect(files.attempts).toBe(0)
  })
})

describe('it stops', () => {
  test('while it stands by, and whoever serves goes on', async () => {
    await watching(2)
    await watches.find(({ state }) => state === 'standing by')?.stop()
    expect(files).toMatchObject({ epoch: 1, open: 1 })
  })

  test('while it waits to try again', async () => {
    files.error = new StoreError('not now', { retriable: true })
    const one = watch({ clock: virtualClock() })
    await one.until('trouble')
    await one.stop()
  })

  test('while it opens the files, and closes them again', async () => {
    const opening = new Deferred<void>()
    files.opening = opening.promise
    const one = watch()
    await one.until('opening')
    const stopped = one.stop()
    opening.resolve()
    await stopped
  })

  test('before it has begun', async () => {
    await watch().stop()
  })
})

interface Surroundings {
  readonly clock?: Clock
  readonly log?: Logger
}

function watch(surroundings: Surroundings = {}): Watch {
  const made = new Watch(surroundings)
  watches.push(made)
  return made
}

function socketFile(): string {
  return join(directory, 'broker.sock')
}

/** Somebody else who answers, from this very moment. */
function stranger(): net.Server {
  return net.createServer(socket => socket.on('error', () => undefined).resume()).listen(socketFile())
}

/** As many as wanted, each knowing who serves. */
async function watching(count: number, surroundings: Surroundings = {}): Promise<Watch[]> {
  const made = Array.from({ length: count }, () => watch(surroundings))
  await Promise.all(made.map(each => each.until('serving', 'standing by')))
  return made
}

async function stopOwner(): Promise<void> {
  const owner = watches.find(({ state }) => state === 'serving')
  watches = watches.filter(each => each !== owner)
  await owner?.stop()
}

/** What whoever serves says to a client: its epoch, once it is this one. */
async function servedIn(epoch: number): Promise<string> {
  while (files.epoch < epoch || !watches.some(({ state }) => state === 'serving')) await once(heard, 'report')
  const answer = await connectTo(directory)
  if (typeof answer === 'string') return answer
  const [words] = (await once(answer, 'data')) as [Buffer]
  answer.destroy()
  return words.toString()
}

/** One process's watch over the directory. */
class Watch {
  readonly reports: Report[] = []
  readonly ended: Promise<void>
  readonly #stop = new AbortController()

  constructor({ clock = systemClock, log = silentLogger }: Surroundings) {
    const report = (said: Report): void => {
      this.reports.push(said)
      heard.emit('report', this, said)
    }
    const open = (): Promise<OpenBroker | null> => files.tryOpen()
    this.ended = keep({ directory, open, report, clock, random: systemRandom, log, signal: this.#stop.signal })
    this.ended.catch(() => undefined)
  }

  get state(): Report['type'] | undefined {
    return this.reports.at(-1)?.type
  }

  /** The next report of one of these kinds, or the last one if it is. */
  async until<Type extends Report['type']>(...types: Type[]): Promise<Extract<Report, { type: Type }>> {
    for (;;) {
      const last = this.reports.at(-1)
      if (last !== undefined && (types as string[]).includes(last.type)) return last as Extract<Report, { type: Type }>
      await once(heard, 'report')
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.ended.catch(() => undefined)
  }
}

/** Says when somebody begins to wait, and how long. */
class WaitingClock extends VirtualClock {
  readonly delaysMs: number[] = []
  readonly waits = new EventEmitter()

  override after(delayMs: number, run: () => void, kind: TimerKind): Timer {
    this.delaysMs.push(delayMs)
    queueMicrotask(() => this.waits.emit('wait'))
    return super.after(delayMs, run, kind)
  }
}

/** Files behind a lock that is easily lost, as LevelDB has them. */
class Files {
  epoch = 0
  open = 0
  mostOpen = 0
  clientsTooLate = 0
  attempts = 0
  isLocked = false
  error: Error | null = null
  opening: Promise<void> | null = null
  closing: Promise<void> | null = null
  last: OpenFiles | null = null

  async tryOpen(): Promise<OpenFiles | null> {
    this.attempts++
    heard.emit('open')
    if (this.error !== null) throw this.error
    if (this.isLocked) return null
    this.isLocked = true
    this.open++
    this.mostOpen = Math.max(this.open, this.mostOpen)
    await this.opening
    return (this.last = new OpenFiles(this))
  }
}

class OpenFiles implements OpenBroker {
  readonly epoch: number
  readonly #failed = new Deferred<Error>()
  readonly #files: Files
  readonly #sockets = new Set<Socket>()
  #isClosing = false

  constructor(of: Files) {
    this.#files = of
    this.epoch = ++of.epoch
  }

  get failed(): Promise<Error> {
    return this.#failed.promise
  }

  fail(error: Error): void {
    this.#failed.resolve(error)
  }

  accept(socket: Socket): void {
    if (this.#isClosing) this.#files.clientsTooLate++
    this.#sockets.add(socket)
    socket.write(String(this.epoch))
  }

  /** What was begun takes its time after the clients are gone. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const socket of this.#sockets) socket.destroy()
    await this.#files.closing
    this.#files.open--
    this.#files.isLocked = false
  }
}
