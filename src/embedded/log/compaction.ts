import { baseOffsetOf, nextOffsetOf, transactionOf } from '../block/block-header.js'
import type { CompactedLog, CompactionState } from './compacted-log.js'
import { CompactionPass } from './compaction-pass.js'
import { KeyWalk } from './key-walk.js'
import { isAborted } from './log-transactions.js'
import { blocksOf } from './segment-blocks.js'

/**
 * Leaves the last message of each key below `upTo`, and every message without one; what was aborted goes, and so do old
 * tombstones. Returns where the log stands then: `null` where it had to stop. Throws `TransportError`. What was done until
 * then stays done.
 */
export async function compact(log: CompactedLog): Promise<CompactionState | null> {
  const { shelf, state, upTo } = log
  const { tombstones } = state
  const areOld = tombstones !== null && shelf.clock.now() - tombstones[1] >= shelf.tombstoneRetentionMs
  let { clean } = state
  while (clean < upTo) {
    const { offsets, end } = await lastOffsets(log, clean)
    const pass = new CompactionPass(log, { offsets, end, tombstonesBelow: areOld ? tombstones[0] : 0 })
    if (!(await pass.run())) return null
    clean = end
  }
  return { clean, tombstones: areOld || tombstones === null ? [clean, shelf.clock.now()] : tombstones }
}

/** Whether half of what could be compacted, or more, has come since the last time. */
export function isCompactionDue({ row, state, upTo }: CompactedLog): boolean {
  let [dirty, total] = [0, 0]
  for (const { base, end, bytes } of row.all) {
    if (base >= upTo) break
    total += bytes
    if (end > state.clean) dirty += bytes
  }
  return state.clean < upTo && dirty > 0 && dirty >= total / 2
}

/** The last offset of each key from `from` on, as far as there is room for keys: `end` is where that was. */
async function lastOffsets(log: CompactedLog, from: number): Promise<{ offsets: Map<string, number>; end: number }> {
  const { row, shelf, upTo, aborted } = log
  const offsets = new Map<string, number>()
  let room = shelf.compactionBytes
  for (const segment of row.all) {
    if (segment.end <= from || segment.base >= upTo || !row.has(segment)) continue
    for await (const block of blocksOf(segment, shelf)) {
      const base = baseOffsetOf(block)
      if (base >= upTo) return { offsets, end: upTo }
      if (nextOffsetOf(block) <= from || isAborted(aborted, transactionOf(block), base)) continue
      if (room <= 0) return { offsets, end: base }
      const keys = new KeyWalk(block)
      for (let left = keys.count; left > 0; left--) {
        if (!keys.next()) continue
        if (!offsets.has(keys.key)) room -= keys.key.length + bytesPerKey
        offsets.set(keys.key, keys.offset)
      }
    }
  }
  return { offsets, end: upTo }
}

/** What a key takes in memory besides its bytes. */
const bytesPerKey = 48
