import { header } from './layout.js'

/** Bytes of the whole block that begins at `at`. */
export function sizeOf(bytes: Buffer, at: number = 0): number {
  return bytes.readUInt32LE(at + header.size)
}

/** Offset of its first message, as long as that has not been compacted away. */
export function baseOffsetOf(bytes: Buffer, at: number = 0): number {
  return bytes.readDoubleLE(at + header.baseOffset)
}

/** Offset after the block. */
export function nextOffsetOf(bytes: Buffer, at: number = 0): number {
  return baseOffsetOf(bytes, at) + bytes.readUInt32LE(at + header.span)
}

/** When the broker stored it, milliseconds since 1970. */
export function storedAtOf(bytes: Buffer, at: number = 0): number {
  return bytes.readDoubleLE(at + header.storedAt)
}

/** Number of its transaction, 0 for none. */
export function transactionOf(bytes: Buffer, at: number = 0): number {
  return bytes.readDoubleLE(at + header.transaction)
}

/** The latest timestamp of its messages, milliseconds since 1970. */
export function latestTimestampOf(bytes: Buffer, at: number = 0): number {
  return bytes.readDoubleLE(at + header.latestTimestamp)
}

/** Messages in the block. */
export function countOf(bytes: Buffer, at: number = 0): number {
  return bytes.readUInt32LE(at + header.count)
}
