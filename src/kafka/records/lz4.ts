import { Expansion } from './expansion.js'

/**
 * Decompresses an LZ4 frame. Throws `TransportError` when it is damaged. The frame's own checksums are not looked at:
 * the record batch around it has one.
 */
export function decompressLz4(bytes: Buffer): Buffer {
  const expansion = new Expansion('lz4', 4 * bytes.length)
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== magic) throw expansion.damaged('it is no LZ4 frame')
  const flags = bytes[4]!
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4
  let at = 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4)
  for (;;) {
    if (at + 4 > bytes.length) throw expansion.damaged('it is cut off')
    const head = bytes.readUInt32LE(at)
    if (head === 0) return expansion.bytes
    const start = at + 4
    const end = start + (head & 0x7fffffff)
    if (end > bytes.length) throw expansion.damaged('it is cut off')
    if (head >>> 31 === 1) expansion.append(bytes, start, end)
    else expandBlock(bytes.subarray(start, end), expansion)
    at = end + checksumBytes
  }
}

const magic = 0x184d2204

/** A block has sequences: bytes to copy, then a repetition of earlier ones, which the last sequence is without. */
function expandBlock(block: Buffer, expansion: Expansion): void {
  let at = 0
  while (at < block.length) {
    const token = block[at++]!
    let literals = token >>> 4
    if (literals === 15) {
      const more = longSize(block, at)
      literals += more
      at += bytesOfLongSize(more)
    }
    expansion.append(block, at, at + literals)
    at += literals
    if (at === block.length) return

    const distance = block[at]! | (block[at + 1]! << 8)
    at += 2
    let count = 4 + (token & 15)
    if (count === 19) {
      const more = longSize(block, at)
      count += more
      at += bytesOfLongSize(more)
    }
    expansion.repeat(distance, count)
  }
  if (at > block.length) throw expansion.damaged('it is cut off')
}

/** Bytes that are to be added up, until one is not 255. */
function longSize(block: Buffer, at: number): number {
  let size = 0
  let next = at
  while (block[next] === 255) {
    size += 255
    next++
  }
  return size + (block[next] ?? 0)
}

function bytesOfLongSize(size: number): number {
  return Math.floor(size / 255) + 1
}
