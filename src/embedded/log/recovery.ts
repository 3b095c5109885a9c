import { closeSync, fstatSync, openSync, readdirSync, readSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { nextOffsetOf, sizeOf } from '../block/block-header.js'
import { headerSize } from '../block/layout.js'
import { verify, verifyHeader } from '../block/stored-block.js'
import type { Logger } from '../../lib/log.js'
import type { TopicPartition } from '../../transport/transport.js'
import type { LogRecord } from './log-record.js'
import { fileName, Segment } from './segment.js'

/**
 * Opens the segments of a log as the metadata know it. What its files have beyond that is removed; where they have less, or
 * something else, the files are cut behind the last whole block, with a warning. The log ends where it did all the same: no
 * offset is given to a second message, since groups and tables may be past it already. `isSuspect` looks at every block that
 * may not have reached the disk before the machine went down, otherwise only at the last one. Throws what the file system throws.
 */
export function recover(log: StoredLog, options: { isSuspect: boolean; logger: Logger }): Recovered {
  const { at, folder, record } = log
  const bases = basesOf(folder, record)
  const segments: Segment[] = []
  for (const [index, base] of bases.entries()) {
    const file = openIfThere(join(folder, fileName(base)))
    const segment = new Segment(at, folder, { base, isNew: file === null })
    segments.push(segment)
    try {
      const tear = look(segment, { file, record, isSuspect: options.isSuspect })
      if (tear === null) continue
      for (const later of bases.slice(index + 1)) remove(join(folder, fileName(later)))
      return cut(log, { segments, tear }, options.logger)
    } finally {
      if (file !== null) closeSync(file)
    }
  }
  linkEnds(segments, record.end)
  return { segments, record }
}

/** A log as it was left. */
export interface StoredLog {
  readonly at: TopicPartition
  readonly folder: string
  readonly record: LogRecord
}

export interface Recovered {
  /** Oldest first; the last one is to be written. */
  readonly segments: readonly Segment[]
  /** Another one than before where the files have been cut. */
  readonly record: LogRecord
}

/** Base offsets of the segments that make up the log, lowest first, whether their files are there or not. Other files are removed. */
function basesOf(folder: string, { start, segment, unsynced }: LogRecord): number[] {
  const names = namesIn(folder)
  for (const name of names) if (name.endsWith('.compacted')) remove(join(folder, name))
  const found = names.filter(name => /^\d{20}\.log$/.test(name)).map(name => Number.parseInt(name, 10))
  const bases = [...new Set([...found, ...unsynced.map(([base]) => base), segment])].sort((left, right) => left - right)
  return bases.filter((base, index) => {
    const isPart = base === segment || (base < segment && (bases[index + 1] as number) > start)
    if (!isPart) remove(join(folder, fileName(base)))
    return isPart
  })
}

function namesIn(folder: string): string[] {
  return unlessMissing(() => readdirSync(folder)) ?? []
}

function openIfThere(path: string): number | null {
  return unlessMissing(() => openSync(path, 'r'))
}

function remove(path: string): void {
  unlessMissing(() => unlinkSync(path))
}

function unlessMissing<T>(run: () => T): T | null {
  try {
    return run()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** The whole blocks that a file begins with, and what is wrong behind them. */
interface Tear {
  readonly bytes: number
  /** Offset after them; `null` when there are none. */
  readonly end: number | null
  readonly lastBlock: number
  readonly fault: string
}

/** Learns what a segment has; returns where it is torn, or `null`. */
function look(
  segment: Segment,
  { file, record, isSuspect }: { file: number | null; record: LogRecord; isSuspect: boolean },
): Tear | null {
  const isActive = segment.base === record.segment
  const unsynced = record.unsynced.find(([base]) => base === segment.base)?.[1]
  const size = file === null ? 0 : fstatSync(file).size
  const bytes = isActive ? record.position : (unsynced ?? size)
  const isOnDisk = !isActive && unsynced === undefined
  segment.bytes = segment.unseen = bytes
  segment.synced = isOnDisk ? bytes : 0
  segment.lastBlock = isActive ? record.lastBlock : -1
  if (isOnDisk || bytes === 0) return null
  if (size >= bytes && !isSuspect && (!isActive || endsWithBlock(file as number, record))) return null
  const tear = file === null ? noBlocks('the file is missing') : findTear(file, { limit: Math.min(size, bytes), end: record.end })
  return tear.bytes === bytes ? null : tear
}

function endsWithBlock(file: number, { lastBlock, position, end }: LogRecord): boolean {
  if (lastBlock < 0 || lastBlock >= position) return false
  const block = readAt(file, lastBlock, position - lastBlock)
  return verify(block) === null && nextOffsetOf(block) <= end
}

/** A block from `end` on was written where others had been torn, and never committed. */
function findTear(file: number, { limit, end }: { limit: number; end: number }): Tear {
  let tear = noBlocks('it ends too early')
  while (tear.bytes < limit) {
    const slice = readSlice(file, tear.bytes, limit)
    for (let at = 0; at < slice.length;) {
      const block = slice.subarray(at, at + (slice.length - at < headerSize ? headerSize : sizeOf(slice, at)))
      const fault = verify(block) ?? (nextOffsetOf(block) > end ? 'it was never committed' : null)
      if (fault !== null && at === 0) return { ...tear, fault }
      // It may go on beyond the slice: the next one begins with it.
      if (fault !== null) break
      const position = tear.bytes
      tear = { ...tear, bytes: position + block.length, end: nextOffsetOf(block), lastBlock: position }
      at += block.length
    }
  }
  return tear
}

function noBlocks(fault: string): Tear {
  return { bytes: 0, end: null, lastBlock: -1, fault }
}

/** Holds the first block as far as there is one. */
function readSlice(file: number, position: number, limit: number): Buffer {
  const slice = readAt(file, position, Math.min(sliceBytes, limit - position))
  if (verifyHeader(slice) !== null || sizeOf(slice) <= slice.length) return slice
  return readAt(file, position, Math.min(sizeOf(slice), limit - position))
}

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const count = readSync(file, bytes, filled, length - filled, position + filled)
    if (count === 0) break
    filled += count
  }
  return bytes.subarray(0, filled)
}

/** The next block takes the place of those that are torn, but not their offsets. */
function cut(log: StoredLog, { segments, tear }: { segments: readonly Segment[]; tear: Tear }, logger: Logger): Recovered {
  const { at, record } = log
  const active = segments[segments.length - 1] as Segment
  const from = Math.max(tear.end ?? active.base, record.start)
  active.bytes = active.unseen = tear.bytes
  active.lastBlock = tear.lastBlock
  active.synced = 0
  linkEnds(segments, record.end)
  const facts = { ...at, lost: record.end - from, from, file: active.file.path, position: tear.bytes, why: tear.fault }
  logger.warn(facts, 'messages lost: the end of the log had not reached the disk')
  const { bytes: position, lastBlock } = tear
  const unsynced = record.unsynced.filter(([base]) => base < active.base)
  return { segments, record: { ...record, segment: active.base, position, lastBlock, unsynced } }
}

function linkEnds(segments: readonly Segment[], end: number): void {
  segments.forEach((segment, index) => (segment.end = segments[index + 1]?.base ?? end))
}

const sliceBytes = 1024 * 1024
