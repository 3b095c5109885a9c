import type { OpenFiles } from './open-files.js'
import type { SegmentRow } from './segment-row.js'
import { isKnownOlder, isOlder } from './segment-times.js'

/** What a log keeps. */
export interface Retention {
  /** How long after the latest message of a segment, in milliseconds; -1 for ever. */
  readonly retentionMs: number
  /** How much, in bytes; -1 without limit. */
  readonly retentionBytes: number
  /** Whether only the last message of each key is kept. */
  readonly compacted: boolean
}

/**
 * Where a log begins once everything is gone that has outlived its retention: whole segments, and nothing from `settled` on.
 * The segment that is being written goes only when all of it is too old. Throws `TransportError`.
 */
export async function expiredBelow(row: SegmentRow, { keeps, nowMs, settled, files }: Expiry): Promise<number> {
  const { retentionMs, retentionBytes } = keeps
  const oldestMs = retentionMs < 0 ? -Infinity : nowMs - retentionMs
  for (const segment of retentionMs < 0 ? [] : row.all) {
    if (segment.end > settled || !row.has(segment) || !(await isOlder(segment, oldestMs, files))) break
  }
  let bytes = row.all.reduce((sum, segment) => sum + segment.bytes, 0)
  let offset = 0
  for (const segment of row.all) {
    bytes -= segment.bytes
    const isTooOld = isKnownOlder(segment, oldestMs)
    const isTooMuch = retentionBytes >= 0 && bytes >= retentionBytes && segment !== row.active
    if (segment.end > settled || !(isTooOld || isTooMuch)) break
    offset = segment.end
  }
  return offset
}

interface Expiry {
  readonly keeps: Retention
  readonly nowMs: number
  /** Offset from which on messages are not committed, or wait for their transaction. */
  readonly settled: number
  readonly files: OpenFiles
}
