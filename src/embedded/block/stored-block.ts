import { crc32 } from 'node:zlib'
import { BlockColumns } from './block-columns.js'
import { countOf, latestTimestampOf, sizeOf } from './block-header.js'
import { entryEnd, placeOf } from './header-entry.js'
import { hasOffsets, header, headerSize, maxCount, maxDataBytes, maxMessageBytes } from './layout.js'

/** Why a block that a producer has sent cannot be stored; `null` when it can. */
export function validate(block: Buffer): string | null {
  if (block.length < headerSize || sizeOf(block) !== block.length) return 'its size is not that of its bytes'
  if (block.readUInt32LE(header.bodyCrc) !== crc32(block.subarray(headerSize))) return 'its checksum does not match'
  const count = countOf(block)
  if (count < 1 || count > maxCount) return `it has ${count} messages, and 1 to ${maxCount} are allowed`
  if (block.readUInt32LE(header.span) !== count || block.readUInt32LE(header.flags) !== 0)
    return 'it claims to have been compacted'
  const dataBytes = block.readUInt32LE(header.dataBytes)
  const most = count === 1 ? maxMessageBytes : maxDataBytes
  if (dataBytes > most) return `it has ${dataBytes} bytes of keys and values, and ${most} are allowed`
  if (paddedSize(block) !== block.length) return 'its parts do not add up to its size'
  return columnsFault(block, dataBytes)
}

/** Writes what the broker adds to a block before it is stored. */
export function stamp(block: Buffer, marks: { baseOffset: number; storedAt: number; transaction: number }): void {
  block.writeDoubleLE(marks.baseOffset, header.baseOffset)
  block.writeDoubleLE(marks.storedAt, header.storedAt)
  block.writeDoubleLE(marks.transaction, header.transaction)
  block.writeUInt32LE(headerCrcOf(block), header.headerCrc)
}

/** Why what was read from a file is not the block that was stored; `null` when it is. */
export function verify(block: Buffer): string | null {
  const fault = verifyHeader(block)
  if (fault !== null) return fault
  if (sizeOf(block) !== block.length) return `it ends after ${block.length} of ${sizeOf(block)} bytes`
  if (block.readUInt32LE(header.bodyCrc) !== crc32(block.subarray(headerSize)))
    return 'the checksum of its messages does not match'
  return null
}

/** The same for a header alone, at `at` of `bytes`: whether its size and its offsets can be relied on. */
export function verifyHeader(bytes: Buffer, at: number = 0): string | null {
  if (bytes.length - at < headerSize) return 'its header is cut off'
  if (bytes.readUInt32LE(at + header.headerCrc) !== headerCrcOf(bytes, at)) return 'the checksum of its header does not match'
  // The checksum leaves the size out; the parts add up to it.
  return sizeOf(bytes, at) === paddedSize(bytes, at) ? null : 'its parts do not add up to its size'
}

function columnsFault(block: Buffer, dataBytes: number): string | null {
  const { count, timestamps, keys, values, headersStart, headersEnd } = new BlockColumns(block)
  let latest = -Infinity
  let sum = 0
  for (let index = 0; index < count; index++) {
    const [timestamp, key, value] = [timestamps[index], keys[index], values[index]] as [number, number, number]
    if (key < -1 || value < -1) return `message ${index} has a length below zero`
    if (!Number.isFinite(timestamp)) return `message ${index} has the timestamp ${timestamp}`
    if (timestamp > latest) latest = timestamp
    sum += Math.max(key, 0) + Math.max(value, 0)
  }
  if (sum !== dataBytes) return `its messages have ${sum} bytes, its header says ${dataBytes}`
  if (latest !== latestTimestampOf(block)) return 'its latest timestamp is not that of its messages'
  return headersFault(block, { count, start: headersStart, end: headersEnd })
}

function headersFault(block: Buffer, { count, start, end }: { count: number; start: number; end: number }): string | null {
  let last = -1
  for (let at = start; at < end;) {
    const next = entryEnd(block, at, end)
    if (next < 0) return 'its headers are cut off'
    const place = placeOf(block, at)
    if (place <= last || place >= count) return `its headers belong to a message ${place}, after those of ${last}`
    last = place
    at = next
  }
  return null
}

function paddedSize(bytes: Buffer, at: number = 0): number {
  const isSparse = (bytes.readUInt32LE(at + header.flags) & hasOffsets) !== 0
  const columns = countOf(bytes, at) * (isSparse ? 20 : 16)
  const parts = bytes.readUInt32LE(at + header.dataBytes) + bytes.readUInt32LE(at + header.headerBytes)
  return Math.ceil((headerSize + columns + parts) / 8) * 8
}

function headerCrcOf(bytes: Buffer, at: number = 0): number {
  return crc32(bytes.subarray(at + header.baseOffset, at + headerSize))
}
