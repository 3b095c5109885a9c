import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, lstat, rename, rm, symlink } from 'node:fs/promises'
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
  try {
    return await throughShortPath(directory, fileName, async path => {
      const socket = net.connect(path)
      await once(socket, 'connect')
      return socket
    })
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code)
    if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(code)) return 'nobody'
    if (code === 'EAGAIN') return 'busy'
    throw directoryError(error, directory)
  }
}

/** Where a directory is served. Whoever connects to the directory arrives here for as long as the socket `isOwn`. */
export class LocalSocket {
  readonly #path: string
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #accept: ((socket: net.Socket) => void) | null
  #identity: string | null = null

  /** Takes the place of a socket that nobody answers on. Throws `TransportError`. */
  static async open(directory: string, accept: (socket: net.Socket) => void): Promise<LocalSocket> {
    const socket = new LocalSocket(directory, accept)
    try {
      await (isWindows ? socket.#listen(pipeOf(directory)) : socket.#listenAtFile(directory))
      return socket
    } catch (error) {
      await socket.close()
      throw directoryError(error, directory)
    }
  }

  private constructor(directory: string, accept: (socket: net.Socket) => void) {
    this.#path = join(directory, fileName)
    this.#accept = accept
    this.#server = net.createServer(socket => {
      this.#sockets.add(socket)
      socket.on('error', () => socket.destroy()).once('close', () => this.#sockets.delete(socket))
      this.#accept?.(socket)
    })
  }

  /** Whether nobody has removed or replaced the file. */
  async isOwn(): Promise<boolean> {
    return isWindows || (await identityOf(this.#path).catch(() => null)) === this.#identity
  }

  /** From now on whoever connects is kept waiting until `close`. */
  hold(): void {
    this.#accept = null
  }

  /** Breaks every connection; with that, others see that nobody serves. */
  async close(): Promise<void> {
    // Nobody replaces a socket that answers: what is own stays own until the server is closed.
    if (!isWindows && this.#identity !== null && (await this.isOwn())) await rm(this.#path, { force: true })
    this.#accept = null
    for (const socket of this.#sockets) socket.destroy()
    if (!this.#server.listening) return
    await new Promise(resolve => this.#server.close(resolve))
  }

  /**
   * Under a name of its own first: as `broker.sock` it appears all at once, open to its user only, in place of a stale one. Node
   * removes the file that a server began with when it is closed: that must never be somebody else's.
   */
  async #listenAtFile(directory: string): Promise<void> {
    const ownName = `${fileName}.${shortRandom()}`
    const fresh = join(directory, ownName)
    await throughShortPath(directory, ownName, path => this.#listen(path))
    await chmod(fresh, 0o600)
    const identity = await identityOf(fresh)
    await rename(fresh, this.#path)
    this.#identity = identity
  }

  async #listen(path: string): Promise<void> {
    this.#server.listen({ path, exclusive: true })
    await once(this.#server, 'listening')
  }
}

const fileName = 'broker.sock'
const isWindows = process.platform === 'win32'

/** What every system accepts, in bytes; a longer one would be cut off and name another file. */
const longestPath = 103

/** Names a file of the directory by a path that the system accepts for a socket. */
async function throughShortPath<Result>(
  directory: string,
  name: string,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  if (isWindows) return use(pipeOf(directory))
  const path = join(directory, name)
  if (Buffer.byteLength(path) <= longestPath) return use(path)
  const link = join(tmpdir(), `faust-${shortRandom()}`)
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

function shortRandom(): string {
  return uuid(systemRandom).slice(0, 8)
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
