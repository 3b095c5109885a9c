import { BlockColumns } from '../block/block-columns.js'
import { baseOffsetOf, latestTimestampOf, nextOffsetOf, sizeOf } from '../block/block-header.js'
import { headerSize } from '../block/layout.js'
import type { OpenFiles } from './open-files.js'
import type { Segment } from './segment.js'
import { type Place, SegmentReader } from './segment-reader.js'

/** Whether every message of a segment came before this time, and none claims to be younger. Throws `TransportError`. */
export async function isOlder(segment: Segment, timeMs: number, files: OpenFiles): Promise<boolean> {
  if (segment.unseen === 0 || segment.times.latest >= timeMs) return isKnownOlder(segment, timeMs)
  const reader = new SegmentReader(segment, files)
  try {
    // Mostly the first block says enough.
    await reader.walk(beginOf(segment), (bytes, at) => {
      segment.times.note(bytes, at)
      return false
    })
    if (segment.times.latest < timeMs) await learnTimes(segment, reader)
  } finally {
    reader.close()
  }
  return isKnownOlder(segment, timeMs)
}

/** The same without a look into the file: `false` when it would take one. */
export function isKnownOlder({ unseen, times }: Segment, timeMs: number): boolean {
  return unseen === 0 && times.latest < timeMs
}

/** The first offset of the segment, from `from` on and below `limit`, whose timestamp is at or after `timestamp`; `null` for none. */
export async function findTime(segment: Segment, sought: SoughtTime, files: OpenFiles): Promise<number | null> {
  if (segment.unseen === 0 && segment.times.latestTimestamp < sought.timestamp) return null
  const reader = new SegmentReader(segment, files)
  try {
    await learnTimes(segment, reader)
    if (segment.times.latestTimestamp < sought.timestamp) return null
    let place: Place = { position: await reader.locate(sought.from), offset: sought.from }
    while (place.position < reader.bytes) {
      const block = await nextCandidate(reader, place, sought)
      if (block === null) return null
      const offset = firstAt(block.bytes, sought)
      if (offset !== null) return offset
      place = { position: block.position + sizeOf(block.bytes), offset: nextOffsetOf(block.bytes) }
    }
    return null
  } finally {
    reader.close()
  }
}

interface SoughtTime {
  readonly timestamp: number
  readonly from: number
  readonly limit: number
}

/** The next block that has a message as late as that. */
async function nextCandidate(reader: SegmentReader, from: Place, { timestamp, limit }: SoughtTime): Promise<Found | null> {
  let offset = limit
  const position = await reader.walk(from, (bytes, at) => {
    offset = baseOffsetOf(bytes, at)
    return offset < limit && latestTimestampOf(bytes, at) < timestamp
  })
  if (position >= reader.bytes || offset >= limit) return null
  const bytes = await reader.blocks({ position, offset }, headerSize)
  const fault = reader.fault(bytes, position)
  if (fault !== null) throw fault
  return { bytes, position }
}

interface Found {
  readonly bytes: Buffer
  readonly position: number
}

async function learnTimes(segment: Segment, reader: SegmentReader): Promise<void> {
  const { unseen, times } = segment
  if (unseen === 0) return
  await reader.walk(beginOf(segment), (bytes, at, position) => {
    if (position < unseen) times.note(bytes, at)
    return position < unseen
  })
  segment.unseen = 0
}

function beginOf(segment: Segment): Place {
  return { position: 0, offset: segment.base }
}

function firstAt(block: Buffer, { timestamp, from }: SoughtTime): number | null {
  const { count, timestamps, offsets } = new BlockColumns(block)
  const base = baseOffsetOf(block)
  for (let index = 0; index < count; index++) {
    const offset = base + (offsets === null ? index : (offsets[index] as number))
    if (offset >= from && (timestamps[index] as number) >= timestamp) return offset
  }
  return null
}
