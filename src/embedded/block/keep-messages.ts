import { crc32 } from 'node:zlib'
import { BlockColumns } from './block-columns.js'
import { baseOffsetOf, storedAtOf, transactionOf } from './block-header.js'
import { entryEnd, placeOf } from './header-entry.js'
import { hasOffsets, header, headerSize } from './layout.js'
import { stamp } from './stored-block.js'

/**
 * A stored block without the messages that `isKept` does not want; the others keep their offsets, and the block its range of
 * them. The block itself when it wants all, `null` when it wants none. Asks for each message once, in order.
 */
export function keepMessages(block: Buffer, isKept: (index: number) => boolean): Buffer | null {
  const columns = new BlockColumns(block)
  const places = new Int32Array(columns.count).fill(-1)
  let count = 0
  for (let index = 0; index < columns.count; index++) if (isKept(index)) places[index] = count++
  if (count === columns.count) return block
  return count === 0 ? null : rewrite(block, columns, { places, count })
}

/** For each message its place among those that stay, -1 for one that goes. */
interface Kept {
  readonly places: Int32Array
  readonly count: number
}

function rewrite(block: Buffer, columns: BlockColumns, kept: Kept): Buffer {
  const draft = Buffer.allocUnsafeSlow(block.length + kept.count * 4 + 8)
  block.copy(draft, 0, 0, headerSize)
  const latestTimestamp = writeColumns(draft, columns, kept)
  const bytesStart = headerSize + kept.count * 20
  const headersStart = copyBytes(draft, bytesStart, { block, columns, kept })
  const end = copyHeaders(draft, headersStart, { block, columns, kept })
  const size = Math.ceil(end / 8) * 8
  draft.fill(0, end, size)
  const rewritten = Buffer.allocUnsafeSlow(size)
  draft.copy(rewritten, 0, 0, size)
  rewritten.writeUInt32LE(size, header.size)
  rewritten.writeDoubleLE(latestTimestamp, header.latestTimestamp)
  rewritten.writeUInt32LE(kept.count, header.count)
  rewritten.writeUInt32LE(headersStart - bytesStart, header.dataBytes)
  rewritten.writeUInt32LE(end - headersStart, header.headerBytes)
  rewritten.writeUInt32LE(hasOffsets, header.flags)
  rewritten.writeUInt32LE(crc32(rewritten.subarray(headerSize)), header.bodyCrc)
  stamp(rewritten, { baseOffset: baseOffsetOf(block), storedAt: storedAtOf(block), transaction: transactionOf(block) })
  return rewritten
}

/** Returns the latest timestamp. */
function writeColumns(draft: Buffer, columns: BlockColumns, { places, count }: Kept): number {
  const timestamps = new Float64Array(draft.buffer, headerSize, count)
  const keys = new Int32Array(draft.buffer, headerSize + count * 8, count)
  const values = new Int32Array(draft.buffer, headerSize + count * 12, count)
  const offsets = new Uint32Array(draft.buffer, headerSize + count * 16, count)
  let latest = -Infinity
  for (let index = 0; index < places.length; index++) {
    const place = places[index] as number
    if (place < 0) continue
    const timestamp = columns.timestamps[index] as number
    if (timestamp > latest) latest = timestamp
    timestamps[place] = timestamp
    keys[place] = columns.keys[index] as number
    values[place] = columns.values[index] as number
    offsets[place] = columns.offsets === null ? index : (columns.offsets[index] as number)
  }
  return latest
}

interface Source {
  readonly block: Buffer
  readonly columns: BlockColumns
  readonly kept: Kept
}

function copyBytes(draft: Buffer, at: number, { block, columns, kept }: Source): number {
  let from = columns.bytesStart
  for (let index = 0; index < columns.count; index++) {
    const end = from + Math.max(columns.keys[index] as number, 0) + Math.max(columns.values[index] as number, 0)
    if ((kept.places[index] as number) >= 0) at += block.copy(draft, at, from, end)
    from = end
  }
  return at
}

function copyHeaders(draft: Buffer, at: number, { block, columns, kept }: Source): number {
  for (let from = columns.headersStart; from < columns.headersEnd;) {
    const end = entryEnd(block, from, columns.headersEnd)
    const place = kept.places[placeOf(block, from)] as number
    if (place >= 0) {
      const length = block.copy(draft, at, from, end)
      draft.writeUInt32LE(place, at)
      at += length
    }
    from = end
  }
  return at
}
