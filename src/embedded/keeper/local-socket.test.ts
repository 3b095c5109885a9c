import { once } from 'node:events'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TransportError } from '../../errors.js'
import { connectTo, LocalSocket } from './local-socket.js'

let directory: string
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'faust-test-'))))
afterEach(() => rmSync(directory, { recursive: true }))

const claimName = `opening.${process.pid}`
const file = (): string => join(directory, 'broker.sock')

test('whoever connects arrives; afterwards nothing is left', async () => {
  await using served = await serve(directory)
  const socket = await connected(directory)
  expect((await once(socket, 'data')).toString()).toBe('hello')
  expect(lstatSync(file()).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory)).toEqual(['broker.sock'])
  expect(await served.socket.isOwn()).toBe(true)
  await served.socket.close()
  expect(await connectTo(directory)).toBe('nobody')
  expect(readdirSync(directory)).toEqual([])
})

describe('nobody answers', () => {
  test('where there is no file, and no directory', async () => {
    expect(await connectTo(directory)).toBe('nobody')
    expect(await connectTo(join(directory, 'missing'))).toBe('nobody')
  })

  test('on what somebody killed has left; it is replaced', async () => {
    await leaveStaleSocket('broker.sock')
    await expectReplaced()
  })

  test('on a file that is no socket; it is replaced', async () => {
    writeFileSync(file(), 'text')
    await expectReplaced()
  })

  async function expectReplaced(): Promise<void> {
    expect(await connectTo(directory)).toBe('nobody')
    await using _served = await serve(directory)
    ;(await connected(directory)).destroy()
    expect(readdirSync(directory)).toEqual(['broker.sock'])
  }
})

test('a socket that was removed, or replaced by another one, is not its own any more; the other one stays', async () => {
  await using first = await serve(directory)
  rmSync(file())
  expect(await first.socket.isOwn()).toBe(false)
  await using second = await serve(directory)
  expect([await first.socket.isOwn(), await second.socket.isOwn()]).toEqual([false, true])
  await first.socket.close()
  ;(await connected(directory)).destroy()
  expect(await second.socket.isOwn()).toBe(true)
})

describe('a claim', () => {
  test('is nothing to connect to, and leaves nothing when it is given up', async () => {
    const socket = await claimed(directory)
    expect(await connectTo(directory)).toBe('nobody')
    expect([await socket.isOwn(), readdirSync(directory)]).toEqual([
      false,
      [expect.stringMatching(/^broker\.sock\.\w+$/), claimName],
    ])
    await socket.close()
    expect(readdirSync(directory)).toEqual([])
  })

  test('is had by one at a time in a process, until it is served or given up', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => LocalSocket.claim(directory)))
    const [first, ...more] = all.filter(each => each !== null)
    expect(more).toEqual([])
    await first?.appear(() => undefined)
    const next = await claimed(directory)
    // Its name is not touched by the one that ends.
    await first?.close()
    expect(await LocalSocket.claim(directory)).toBeNull()
    await next.close()
  })

  test('of a process that has died over it is taken', async () => {
    await leaveStaleSocket(claimName)
    await (await claimed(directory)).close()
    expect(readdirSync(directory)).toEqual([])
  })

  test('that was left is removed by whoever serves', async () => {
    await leaveStaleSocket('opening.1')
    symlinkSync('broker.sock.gone', join(directory, 'opening.2'))
    await leaveStaleSocket('broker.sock.12345678')
    await using _served = await serve(directory)
    expect(readdirSync(directory)).toEqual(['broker.sock'])
  })
})

test('whoever connects while it is on hold waits until it is closed', async () => {
  await using served = await serve(directory)
  served.socket.hold()
  const socket = await connected(directory)
  socket.on('data', () => expect.unreachable())
  const over = new Promise(resolve => socket.on('error', () => undefined).once('close', resolve))
  await served.socket.close()
  await over
})

describe('a directory whose path is too long for a socket', () => {
  const long = (): string => join(directory, 'x'.repeat(100))
  beforeEach(() => mkdirSync(long()))

  test('is served all the same, and leaves nothing elsewhere', async () => {
    const temporary = join(directory, 'tmp')
    mkdirSync(temporary)
    vi.stubEnv('TMPDIR', temporary)
    await using _served = await serve(long())
    // Another process may have another temporary directory.
    vi.stubEnv('TMPDIR', directory)
    ;(await connected(long())).destroy()
    expect(readdirSync(long())).toEqual(['broker.sock'])
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(directory).toSorted()).toEqual(['tmp', 'x'.repeat(100)])
  })

  test.for([
    ['is too long itself', 'y'.repeat(90), /and .* is too long as well\. Set TMPDIR to a short path/],
    ['is not there', 'none', /the temporary directory .*none takes no link to it\. Set TMPDIR/],
  ] as const)('is refused where the temporary directory %s', async ([_case, name, words]) => {
    vi.stubEnv('TMPDIR', join(directory, name))
    for (const use of [connectTo, serve]) {
      const refused = use(long())
      await expect(refused).rejects.toBeInstanceOf(TransportError)
      await expect(refused).rejects.toMatchObject({ retriable: false, message: expect.stringMatching(words) })
    }
  })
})

async function serve(where: string): Promise<AsyncDisposable & { socket: LocalSocket }> {
  const socket = await claimed(where)
  await socket.appear(client => client.write('hello'))
  return { socket, [Symbol.asyncDispose]: () => socket.close() }
}

async function claimed(where: string): Promise<LocalSocket> {
  const socket = await LocalSocket.claim(where)
  if (socket === null) throw new Error('another claim is in')
  return socket
}

async function connected(where: string): Promise<net.Socket> {
  const answer = await connectTo(where)
  if (typeof answer === 'string') throw new Error(`answer: ${answer}`)
  return answer
}

async function leaveStaleSocket(name: string): Promise<void> {
  const server = net.createServer().listen(`${file()}.other`)
  await once(server, 'listening')
  renameSync(`${file()}.other`, join(directory, name))
  server.close()
  await once(server, 'close')
}
