import { dirname } from 'node:path'
import { FaustError, TransportError } from '../../errors.js'
import { thrown } from '../../lib/thrown.js'
import type { TopicPartition } from '../../transport/transport.js'

/** A segment could not be written; what is already an error of this library stays what it is. */
export function cannotStore({ topic, partition }: TopicPartition, path: string, cause: unknown): FaustError {
  if (cause instanceof FaustError) return cause
  const what = `Cannot store messages of "${topic}"[${partition}]`
  const code = codeOf(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const text = `${what}: the disk of ${dirname(path)} is full. Free some space; until then producers of this broker are refused.`
    return new TransportError(text, { cause })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const text = `${what}: ${dirname(path)} may not be written (${code}). Give this user the permission to write there.`
    return new TransportError(text, { cause, retriable: false })
  }
  return new TransportError(`${what}: writing ${path} failed (${thrown(cause).message}). Look after the disk.`, { cause })
}

/** A segment could not be put on the disk: what it holds may be lost, whatever is tried now. */
export function cannotSync({ topic, partition }: TopicPartition, path: string, cause: unknown): FaustError {
  if (cause instanceof FaustError) return cause
  const text = `Cannot put messages of "${topic}"[${partition}] on the disk: flushing ${path} failed (${thrown(cause).message}). Look after the disk, then start the process again.`
  return new TransportError(text, { cause, retriable: false })
}

/** A segment could not be rewritten; it is as before. */
export function cannotCompact({ topic, partition }: TopicPartition, path: string, cause: unknown): FaustError {
  if (cause instanceof FaustError) return cause
  const text = `Cannot compact "${topic}"[${partition}]: writing ${path} failed (${thrown(cause).message}). Free some space and look after the disk; it is tried again.`
  return new TransportError(text, { cause })
}

/** A segment could not be read. */
export function cannotRead({ topic, partition }: TopicPartition, path: string, cause: unknown): FaustError {
  if (cause instanceof FaustError) return cause
  const text = `Cannot read "${topic}"[${partition}]: reading ${path} failed (${thrown(cause).message}). Look after the disk and who else writes there.`
  return new TransportError(text, { cause })
}

/** A segment is not what was written: `offset` is the first one that cannot be read, `beyond` follows all that the file holds. */
export function damaged(
  { topic, partition }: TopicPartition,
  place: { path: string; position: number; offset: number; beyond: number; fault: string },
): TransportError {
  const { path, position, offset, beyond, fault } = place
  const text =
    `Cannot read "${topic}"[${partition}]@${offset}: the block at byte ${position} of ${path} is damaged (${fault}). ` +
    `Restore the file from a copy, or give it up: delete the messages of the partition below ${beyond}, of a compacted topic the topic.`
  return new TransportError(text, { retriable: false })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
