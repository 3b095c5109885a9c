import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, lstat, readdir, rename, rm, symlink } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TransportError } from '../../errors.js'
import { systemRandom, uuid } from '../../lib/random.js'
import { directoryError } from './directory-error.js'

/**
 * Connects to whoever serves the directory. `nobody` is certain; `busy` is somebody who takes no more connections just now.
 * Throws `TransportError` when the system does not let it try.
 */
export async function connectTo(directory: string): Promise<net.Socket | 'nobody' | 'busy'> {
  return await knock(directory, fileName)
}

/**
 * The socket on which a directory is served. It begins as a claim, which one thread of a process at a time can have; once it
 * has appeared, whoever connects to the directory arrives here for as long as it `isOwn`.
 */
export class LocalSocket {
  readonly #directory: string
  /** What it is called before it appears; nobody else has that name. */
  readonly #name = `${fileName}.${uuid(systemRandom).slice(0, 8)}`
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #accept: ((socket: net.Socket) => void) | null = null
  #hasClaim = false
  #identity: string | null = null

  /** `null` when another thread of this process has its claim in. Throws `TransportError`. */
  static async claim(directory: string): Promise<LocalSocket | null> {
    const socket = new LocalSocket(directory)
    try {
      if (isWindows || (await socket.#claim())) return socket
    } catch (error) {
      await socket.close()
      throw directoryError(error, directory)
    }
    await socket.close()
    return null
  }

  private constructor(directory: string) {
    this.#directory = directory
    this.#server = net.createServer(socket => {
      this.#sockets.add(socket)
      socket.on('error', () => socket.destroy()).once('close', () => this.#sockets.delete(socket))
      this.#accept?.(socket)
    })
    // A connection that cannot be taken, for want of file descriptors, is tried again by its client.
    this.#server.on('error', () => undefined)
  }

  /** Takes the place of a socket that nobody answers on: all at once. Throws `TransportError`. */
  async appear(accept: (socket: net.Socket) => void): Promise<void> {
    this.#accept = accept
    try {
      if (isWindows) return await this.#listen(pipeOf(this.#directory))
      const identity = await identityOf(this.#at(this.#name))
      await rename(this.#at(this.#name), this.#at(fileName))
      this.#identity = identity
      await this.#sweep()
    } catch (error) {
      throw directoryError(error, this.#directory)
    }
  }

  /** Whether it has appeared, and nobody has removed or replaced the file. */
  async isOwn(): Promise<boolean> {
    if (isWindows) return this.#server.listening
    return this.#identity !== null && (await identityOf(this.#at(fileName)).catch(() => null)) === this.#identity
  }

  /** From now on whoever connects is kept waiting until `close`. */
  hold(): void {
    this.#accept = null
  }

  /** Breaks every connection; with that, others see that nobody serves. */
  async close(): Promise<void> {
    this.hold()
    await this.#giveUpClaim()
    // Nobody replaces a socket that answers: what is own stays own until the server is closed.
    if (!isWindows) await rm(this.#at((await this.isOwn()) ? fileName : this.#name), { force: true })
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server.listening) await new Promise(resolve => this.#server.close(resolve))
  }

  async #claim(): Promise<boolean> {
    await throughShortPath(this.#directory, this.#name, path => this.#listen(path))
    await chmod(this.#at(this.#name), 0o600)
    this.#hasClaim = (await this.#link()) || ((await this.#isClaimStale()) && (await this.#link()))
    return this.#hasClaim
  }

  /** A link is made by one only, and leads to whoever made it. */
  async #link(): Promise<boolean> {
    try {
      await symlink(this.#name, this.#at(claimName))
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      throw error
    }
  }

  /** Of a process with the number of this one, which has died over it. */
  async #isClaimStale(): Promise<boolean> {
    const answer = await knock(this.#directory, claimName)
    if (typeof answer !== 'string') answer.destroy()
    if (answer === 'nobody') await rm(this.#at(claimName), { force: true })
    return answer === 'nobody'
  }

  async #giveUpClaim(): Promise<void> {
    if (this.#hasClaim) await rm(this.#at(claimName), { force: true })
    this.#hasClaim = false
  }

  /** Removes all claims: nobody needs one any more, and some may be of processes that have died over theirs. */
  async #sweep(): Promise<void> {
    this.#hasClaim = false
    const names = (await readdir(this.#directory)).filter(name => /^(broker\.sock|opening)\./.test(name))
    await Promise.all(names.map(name => rm(this.#at(name), { force: true })))
  }

  async #listen(path: string): Promise<void> {
    this.#server.listen({ path, exclusive: true })
    await once(this.#server, 'listening')
  }

  #at(name: string): string {
    return join(this.#directory, name)
  }
}

const fileName = 'broker.sock'
const claimName = `opening.${process.pid}`
const isWindows = process.platform === 'win32'

/** What every system accepts, in bytes; a longer one would be cut off and name another file. */
const longestPath = 103

async function knock(directory: string, name: string): Promise<net.Socket | 'nobody' | 'busy'> {
  try {
    return await throughShortPath(directory, name, async path => {
      const socket = net.connect(path)
      await once(socket, 'connect')
      return socket
    })
  } catch (error) {
    const code = codeOf(error)
    if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(code)) return 'nobody'
    if (code === 'EAGAIN') return 'busy'
    throw directoryError(error, directory)
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code)
}

/** Names a file of the directory by a path that the system accepts for a socket. */
async function throughShortPath<Result>(
  directory: string,
  name: string,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  if (isWindows) return use(pipeOf(directory))
  const path = join(directory, name)
  if (Buffer.byteLength(path) <= longestPath) return use(path)
  const link = join(tmpdir(), `faust-${uuid(systemRandom).slice(0, 8)}`)
  if (Buffer.byteLength(join(link, name)) > longestPath) throw noShortPath(directory, `${tmpdir()} is too long as well`)
  await symlink(directory, link).catch((error: unknown) => {
    throw noShortPath(directory, `the temporary directory ${tmpdir()} takes no link to it`, error)
  })
  try {
    return await use(join(link, name))
  } finally {
    await rm(link, { force: true })
  }
}

function noShortPath(directory: string, reason: string, cause?: unknown): TransportError {
  return new TransportError(
    `Cannot use the embedded broker in ${directory}: the path is too long for a local socket, and ${reason}. Set TMPDIR to a short path that can be written, or name another directory.`,
    { cause, retriable: false },
  )
}

function pipeOf(directory: string): string {
  return `\\\\.\\pipe\\faust-${createHash('sha256').update(directory.toLowerCase()).digest('hex').slice(0, 32)}`
}

async function identityOf(path: string): Promise<string> {
  const { dev, ino } = await lstat(path, { bigint: true })
  return `${dev}:${ino}`
}
