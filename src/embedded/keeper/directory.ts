import { mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TransportError } from '../../errors.js'
import { systemRandom, uuid } from '../../lib/random.js'
import { directoryError } from './directory-error.js'

/**
 * The one spelling of a directory that all processes agree on; makes it where there is none. Throws `TransportError`, also
 * when a newer version wrote what is in it.
 */
export async function resolveDirectory(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const directory = await realpath(path)
    await checkFormat(directory)
    return directory
  } catch (error) {
    throw directoryError(error, path)
  }
}

/** Makes sure that the directory is there and marked with its format, for the one who is about to own it. Throws `TransportError`. */
export async function prepareDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    if (!(await checkFormat(directory))) await writeFormat(directory)
  } catch (error) {
    throw directoryError(error, directory)
  }
}

/** How the files are laid out that this version writes. */
const ownFormat = 1

/** Whether the directory is marked. */
async function checkFormat(directory: string): Promise<boolean> {
  const text = await readFile(join(directory, 'format'), 'utf8').catch(nothing)
  if (text === null) return false
  const format = formatIn(text)
  if (format === ownFormat) return true
  const [reason, remedy] =
    format === undefined
      ? ['its file "format" is damaged', 'Restore it from a backup']
      : [`a newer version of faust-ts wrote it, in format ${format}, and this one knows format ${ownFormat}`, 'Upgrade faust-ts']
  throw new TransportError(`Cannot use the embedded broker in ${directory}: ${reason}. ${remedy}, or name another directory.`, {
    retriable: false,
  })
}

function nothing(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
  throw error
}

function formatIn(text: string): number | undefined {
  try {
    const { format } = JSON.parse(text) as { format?: unknown }
    return typeof format === 'number' && format >= ownFormat ? format : undefined
  } catch {
    return undefined
  }
}

/** Under a name of its own first: a file `format` that is there is whole. */
async function writeFormat(directory: string): Promise<void> {
  const path = join(directory, `format.${uuid(systemRandom)}`)
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify({ format: ownFormat })}\n`)
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(path, join(directory, 'format'))
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}
