import { renameSync, unlinkSync } from 'node:fs'
import { baseOffsetOf, nextOffsetOf, transactionOf } from '../block/block-header.js'
import { keepMessages } from '../block/keep-messages.js'
import { CompactedFile } from './compacted-file.js'
import type { CompactedLog } from './compacted-log.js'
import { KeyWalk } from './key-walk.js'
import { isAborted } from './log-transactions.js'
import { Segment } from './segment.js'
import { blocksOf } from './segment-blocks.js'
import { cannotCompact } from './storage-error.js'
import { syncFolder } from './sync-folder.js'

/**
 * Rewrites the segments for the keys that it knows, oldest first, since a tombstone may go only after everything that it hides.
 * Neighbours that have become small become one.
 */
export class CompactionPass {
  readonly #log: CompactedLog
  readonly #scope: Scope
  /** Offset after the last block: a crash may have left some of them in two segments. */
  #covered = -1

  constructor(log: CompactedLog, scope: Scope) {
    this.#log = log
    this.#scope = scope
  }

  /** Returns whether all of them are done. */
  async run(): Promise<boolean> {
    const due = this.#log.row.all.filter(({ base }) => base < this.#scope.end)
    for (const group of groupsOf(due, this.#log.shelf.segmentBytes)) if (!(await this.#rewrite(group))) return false
    return true
  }

  async #rewrite(group: readonly Segment[]): Promise<boolean> {
    const { at, folder, isOver } = this.#log
    const segment = new Segment(at, folder, { base: group[0]?.base ?? 0, isNew: false })
    const file = new CompactedFile(`${segment.file.path}.compacted`)
    try {
      const isChanged = await this.#copy(group, file, segment)
      if (isChanged) await file.finish()
      // Where some have been dropped meanwhile, nothing is to come back.
      if (isOver() || !group.every(one => this.#log.row.has(one))) return false
      if (isChanged) await this.#swap(group, file, segment)
      return true
    } catch (error) {
      throw cannotCompact(at, file.path, error)
    } finally {
      await file.close()
      if (!isOver()) await file.discard()
    }
  }

  /** Returns whether anything has become different. */
  async #copy(group: readonly Segment[], file: CompactedFile, into: Segment): Promise<boolean> {
    let isChanged = group.length > 1
    for (const segment of group) {
      if (!this.#log.row.has(segment)) break
      for await (const block of blocksOf(segment, this.#log.shelf)) {
        if (this.#log.isOver()) return false
        const kept = nextOffsetOf(block) > this.#covered ? this.#sift(block) : null
        this.#covered = Math.max(this.#covered, nextOffsetOf(block))
        isChanged ||= kept !== block
        if (kept === null) continue
        into.times.note(kept, 0)
        await file.add(kept)
      }
    }
    return isChanged
  }

  #sift(block: Buffer): Buffer | null {
    const { offsets, end, tombstonesBelow } = this.#scope
    const { aborted } = this.#log
    const base = baseOffsetOf(block)
    if (base >= end) return block
    if (isAborted(aborted, transactionOf(block), base)) return null
    const keys = new KeyWalk(block)
    return keepMessages(block, () => {
      if (!keys.next()) return true
      const isLast = (offsets.get(keys.key) ?? -1) <= keys.offset
      return isLast && !(keys.isTombstone && keys.offset < tombstonesBelow)
    })
  }

  /** Each step leaves a log that reads the same, and is on the disk before the next one is taken. */
  async #swap(group: readonly Segment[], file: CompactedFile, segment: Segment): Promise<void> {
    const { row, shelf, folder, isOver } = this.#log
    const [first, ...rest] = group as [Segment, ...Segment[]]
    // Some systems replace no file that is open.
    shelf.files.forget(first.file)
    renameSync(file.path, first.file.path)
    segment.bytes = segment.synced = file.bytes
    segment.end = first.end
    row.replace(first, segment)
    await syncFolder(folder)
    for (const one of rest) {
      if (isOver() || !row.has(one)) continue
      shelf.files.forget(one.file)
      unlinkSync(one.file.path)
      row.replace(one, null)
      segment.end = one.end
    }
    if (rest.length > 0) await syncFolder(folder)
  }
}

interface Scope {
  /** The last of each key. */
  readonly offsets: ReadonlyMap<string, number>
  /** What follows has not been looked at. */
  readonly end: number
  /** Tombstones below it go. */
  readonly tombstonesBelow: number
}

/** Neighbours that fit into one segment become one. */
function groupsOf(segments: readonly Segment[], most: number): Segment[][] {
  const groups: Segment[][] = []
  let bytes = Infinity
  for (const segment of segments) {
    if (bytes + segment.bytes > most) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(segment)
    bytes += segment.bytes
  }
  return groups
}
