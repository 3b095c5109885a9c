import { FaustError, TransportError } from '../../errors.js'
import { thrown } from '../../lib/thrown.js'

/** Why a directory cannot be used, in words that say what to do about it. Errors of the library stay as they are. */
export function directoryError(error: unknown, directory: string): FaustError {
  if (error instanceof FaustError) return error
  const origins = originsOf(error)
  const objection = objections.find(({ codes, text }) =>
    origins.some(origin => codes.includes(origin.code) || origin.message.includes(text)),
  )
  const { reason, remedy, isPassing } = objection ?? {
    reason: origins.map(({ message }) => message).join(': '),
    remedy: `Look at what is in ${directory}.`,
    isPassing: true,
  }
  const message = `Cannot use the embedded broker in ${directory}: ${reason}. ${remedy}`
  return new TransportError(message, { cause: error, retriable: isPassing })
}

interface Objection {
  readonly codes: readonly string[]
  /** LevelDB passes on the system's words without the code. */
  readonly text: string
  readonly reason: string
  readonly remedy: string
  /** May go away without anybody starting anew. */
  readonly isPassing: boolean
}

const objections: readonly Objection[] = [
  {
    codes: ['ENOSPC', 'EDQUOT'],
    text: 'No space left on device',
    reason: 'the disk is full',
    remedy: 'Free some space: what was acknowledged is safe, and work goes on by itself.',
    isPassing: true,
  },
  {
    codes: ['EFBIG'],
    text: 'File too large',
    reason: 'a file has reached the largest size allowed',
    remedy: 'Raise the limit (ulimit -f).',
    isPassing: true,
  },
  {
    codes: ['EMFILE', 'ENFILE'],
    text: 'Too many open files',
    reason: 'too many files are open',
    remedy: 'Raise the limit (ulimit -n).',
    isPassing: true,
  },
  {
    codes: ['EACCES', 'EPERM'],
    text: 'Permission denied',
    reason: 'this user has no permission to read and write there',
    remedy: 'Run as the user who owns the directory, or name another one.',
    isPassing: false,
  },
  {
    codes: ['EROFS'],
    text: 'Read-only file system',
    reason: 'the file system can only be read',
    remedy: 'Name a directory that can be written.',
    isPassing: false,
  },
  {
    codes: ['ENOTDIR', 'EEXIST'],
    text: 'Not a directory',
    reason: 'it is a file or lies below one',
    remedy: 'Move that file away, or name another directory.',
    isPassing: false,
  },
  {
    codes: ['ENAMETOOLONG', 'ELOOP'],
    text: 'File name too long',
    reason: 'the system does not accept the path',
    remedy: 'Name a directory with a shorter path.',
    isPassing: false,
  },
]

/** The error and what caused it, outermost first. */
function originsOf(error: unknown): { readonly code: string; readonly message: string }[] {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown }
  const origin = { code: typeof code === 'string' ? code : '', message: thrown(error).message }
  return cause === undefined ? [origin] : [origin, ...originsOf(cause)]
}
