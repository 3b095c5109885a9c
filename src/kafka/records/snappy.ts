import { Expansion } from './expansion.js'

/** Decompresses snappy, in the framing of the Java client (xerial's) or bare. Throws `TransportError` when it is damaged. */
export function decompressSnappy(bytes: Buffer): Buffer {
  const expansion = new Expansion('snappy', 4 * bytes.length)
  if (bytes.subarray(0, framing.length).equals(framing)) expandBlocks(bytes, expansion)
  else expandBlock(bytes, expansion)
  return expansion.bytes
}

const framing = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])

function expandBlocks(bytes: Buffer, expansion: Expansion): void {
  // The framing's version, and the lowest one that can read it, stand before the blocks.
  let at = framing.length + 8
  while (at < bytes.length) {
    const start = at + 4
    at = start <= bytes.length ? start + bytes.readUInt32BE(at) : Infinity
    if (at > bytes.length) throw expansion.damaged('it is cut off')
    expandBlock(bytes.subarray(start, at), expansion)
  }
}

/** A block has the size that it will have, then elements: bytes to copy, and repetitions of earlier ones. */
function expandBlock(block: Buffer, expansion: Expansion): void {
  let at = 0
  let size = 0
  for (let weight = 1; at < 5; weight *= 128) {
    const byte = block[at++] ?? 0
    size += (byte & 0x7f) * weight
    if (byte < 0x80) break
  }
  size += expansion.size
  while (at < block.length) {
    const tag = block[at]!
    const more = moreBytes(tag)
    const number = littleEndian(block, at + 1, more)
    at += 1 + more
    if ((tag & 3) === 0) {
      const start = at
      at += 1 + (more === 0 ? tag >>> 2 : number)
      expansion.append(block, start, at)
    } else if ((tag & 3) === 1) expansion.repeat(((tag >>> 5) << 8) | number, 4 + ((tag >>> 2) & 7))
    else expansion.repeat(number, 1 + (tag >>> 2))
  }
  if (at > block.length) throw expansion.damaged('it is cut off')
  if (expansion.size !== size) throw expansion.damaged('it does not have the size that it says')
}

/** Bytes that belong to an element besides its tag, and before the bytes to copy. */
function moreBytes(tag: number): number {
  if ((tag & 3) === 0) return Math.max(0, (tag >>> 2) - 59)
  return (tag & 3) === 3 ? 4 : tag & 3
}

/** Past the end everything is 0. */
function littleEndian(bytes: Buffer, at: number, count: number): number {
  let number = 0
  for (let index = 0; index < count; index++) number |= bytes[at + index]! << (8 * index)
  return number >>> 0
}
