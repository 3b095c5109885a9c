import { resolve } from 'node:path'
import { OptionError } from '../errors.js'
import type { Connection, ConnectionContext, Transport } from '../transport/transport.js'

/** What users of an embedded broker may choose. */
export interface EmbeddedOptions {
  /**
   * What an acknowledgement of this app means. `false`, the default: the operating system has the message, which therefore
   * survives the death of any process (`kill -9`), but a machine that loses power may lose the last seconds. `true`: it is on
   * the disk. Each commit then waits for the disk: tenths of a millisecond on a fast one, ten and more on a slow one, shared by
   * all that is sent in the meantime, so that it is felt where every single send is awaited.
   */
  readonly fsync?: boolean
}

/**
 * A durable broker in a directory of this machine: every process that names the directory shares it, and nothing has to be
 * installed or started. One of the processes serves the others; when it ends or dies, another one takes over.
 *
 * The directory is made where there is none; a relative one is resolved against the working directory. It has to be on a local
 * file system: the locks of network mounts are not to be trusted. Throws `OptionError`.
 *
 * @example
 * ```ts
 * const app = new App('orders', { broker: embedded('./.faust', { fsync: true }) })
 * ```
 */
export function embedded(directory: string, options: EmbeddedOptions = {}): Transport {
  const path = resolve(checkedDirectory(directory))
  const fsync = checkedOptions(options)
  return { kind: 'embedded', place: `embedded:${path}`, connect: context => connect(path, { fsync, context }) }
}

function checkedDirectory(given: unknown): string {
  if (typeof given === 'string' && given !== '') return given
  const shown = given === '' ? 'an empty string' : typeof given
  throw new OptionError(`directory must be a path such as "./.faust", got ${shown}.`, { option: 'directory' })
}

function checkedOptions(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) {
    throw new OptionError(`The options of embedded() must be an object, got ${String(given)}.`, { option: 'options' })
  }
  const { fsync = false, ...unknown } = given as { fsync?: unknown }
  const [name] = Object.keys(unknown)
  if (name !== undefined) throw new OptionError(`${name} is not an option of embedded(); there is fsync.`, { option: name })
  if (typeof fsync === 'boolean') return fsync
  throw new OptionError(`fsync must be true or false, got ${typeof fsync}.`, { option: 'fsync' })
}

/** Loads the driver now: whoever uses another broker does not pay for it. */
async function connect(path: string, { fsync, context }: { fsync: boolean; context: ConnectionContext }): Promise<Connection> {
  const [{ claimDirectory }, { EmbeddedConnection }] = await Promise.all([
    import('./keeper/keeper.js'),
    import('./client/connection.js'),
  ])
  const claim = await claimDirectory(path, context)
  try {
    // What is in the way is said here as it is, before anything is asked.
    const socket = await claim.dial()
    socket.destroy()
    const { directory } = claim
    const connection = await EmbeddedConnection.open(context, { directory, fsync, dial: () => claim.dial() })
    return {
      admin: connection.admin,
      reader: wanted => connection.reader(wanted),
      producer: wanted => connection.producer(wanted),
      group: wanted => connection.group(wanted),
      async close() {
        try {
          await connection.close()
        } finally {
          await claim.release()
        }
      },
    }
  } catch (error) {
    await claim.release()
    throw error
  }
}
