import { ClassicLevel } from 'classic-level'
import { type FaustError, TransportError } from '../../errors.js'
import { thrown } from '../../lib/thrown.js'
import { directoryError } from '../keeper/directory-error.js'
import { type Kind, namesIn, rangeOf } from './keys.js'

/**
 * What the broker knows besides the messages, in LevelDB: JSON under readable keys. Changes gather until they are committed
 * in one batch, all or none of them. Whoever has it open owns the directory.
 */
export class Metadata {
  readonly #folder: string
  readonly #level: Level
  #staged: Changes = new Map()

  /** `null` when another process, or this one, has it open. Throws `TransportError`. */
  static async open(folder: string): Promise<Metadata | null> {
    const level: Level = new ClassicLevel(folder, { valueEncoding: 'utf8' })
    try {
      await level.open()
    } catch (error) {
      if (codeOf(error) === 'LEVEL_LOCKED') return null
      throw metadataError(error, folder)
    }
    return new Metadata(folder, level)
  }

  private constructor(folder: string, level: Level) {
    this.#folder = folder
    this.#level = level
  }

  /** What is committed under a key. */
  async get<Value>(key: string): Promise<Value | undefined> {
    try {
      const text = await this.#level.get(key)
      return text === undefined ? undefined : (JSON.parse(text) as Value)
    } catch (error) {
      throw metadataError(error, this.#folder)
    }
  }

  /** Everything of a kind that is committed: the names in its key, and the value. */
  async *all<Value>(kind: Kind): AsyncGenerator<readonly [names: string[], value: Value]> {
    try {
      for await (const [key, text] of this.#level.iterator(rangeOf(kind))) {
        yield [namesIn(key), JSON.parse(text) as Value]
      }
    } catch (error) {
      throw metadataError(error, this.#folder)
    }
  }

  /** Stages a value. It becomes JSON only when it is committed: do not change it. */
  set(key: string, value: object | number | string): void {
    this.#staged.set(key, value)
  }

  delete(key: string): void {
    this.#staged.set(key, undefined)
  }

  /** Everything that has been staged, for one commit; what comes later is for the next. */
  take(): Changes {
    const taken = this.#staged
    this.#staged = new Map()
    return taken
  }

  /** In one batch, which is on the disk already if `isSynced`; one at a time. Throws `TransportError`. */
  async commit(changes: Changes, { isSynced }: { isSynced: boolean }): Promise<void> {
    if (changes.size === 0) return
    try {
      const batch = this.#level.batch()
      for (const [key, value] of changes) {
        if (value === undefined) batch.del(key)
        else batch.put(key, JSON.stringify(value))
      }
      await batch.write({ sync: isSynced })
    } catch (error) {
      throw metadataError(error, this.#folder)
    }
  }

  /** What was staged and not committed is gone. */
  async close(): Promise<void> {
    await this.#level.close()
  }
}

/** Values by key; `undefined` deletes. */
export type Changes = Map<string, unknown>

type Level = ClassicLevel<string, string>

function metadataError(error: unknown, folder: string): FaustError {
  const reason = thrown(causeOf(error)).message
  if (codeOf(error) !== 'LEVEL_CORRUPTION' && !(error instanceof SyntaxError) && !isFileMissing(reason)) {
    return directoryError(error, folder)
  }
  return new TransportError(
    `Cannot use the embedded broker in ${folder}: its metadata are damaged (${reason}). Restore the directory from a backup, or name another one.`,
    { cause: error, retriable: false },
  )
}

/** LevelDB's files name each other: one that is not there is damage. */
function isFileMissing(reason: string): boolean {
  return reason.includes('No such file or directory')
}

/** What happened is inside of an error that says that nothing was opened. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error
}

function codeOf(error: unknown): unknown {
  return (causeOf(error) as { code?: unknown } | null)?.code
}
