import { endianness } from 'node:os'

/** CRC-32C (Castagnoli) of the bytes from `start` to `end`, as an unsigned 32-bit number: the checksum of record batches. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1
  let at = start
  if (end - start >= worthWords && isLittleEndian) {
    const aligned = start + (-(bytes.byteOffset + start) & 3)
    while (at < aligned) crc = byByte(crc, bytes[at++]!)
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, ((end - aligned) >>> 4) * 4)
    crc = byWords(crc, words)
    at += words.byteLength
  }
  while (at < end) crc = byByte(crc, bytes[at++]!)
  return ~crc >>> 0
}

/** Below this many bytes the view of words costs more than it saves. */
const worthWords = 64
const isLittleEndian = endianness() === 'LE'

/** Table n has the remainder of each byte that is followed by n others: slicing by 16. */
const tables: readonly Int32Array[] = slice(16)
const [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15] = tables as unknown as Sixteen<Int32Array>

type Four<Item> = readonly [Item, Item, Item, Item]
type Sixteen<Item> = readonly [...Four<Item>, ...Four<Item>, ...Four<Item>, ...Four<Item>]

function byByte(crc: number, byte: number): number {
  return t0[(crc ^ byte) & 255]! ^ (crc >>> 8)
}

/** Sixteen bytes a step, which depend on the step before through the first four only. */
function byWords(before: number, words: Int32Array): number {
  let crc = before
  for (let at = 0; at < words.length; at += 4) {
    const a = words[at]! ^ crc
    const b = words[at + 1]!
    const c = words[at + 2]!
    const d = words[at + 3]!
    const late = t3[d & 255]! ^ t2[(d >>> 8) & 255]! ^ t1[(d >>> 16) & 255]! ^ t0[d >>> 24]!
    const mid = t7[c & 255]! ^ t6[(c >>> 8) & 255]! ^ t5[(c >>> 16) & 255]! ^ t4[c >>> 24]!
    const early = t11[b & 255]! ^ t10[(b >>> 8) & 255]! ^ t9[(b >>> 16) & 255]! ^ t8[b >>> 24]!
    crc = t15[a & 255]! ^ t14[(a >>> 8) & 255]! ^ t13[(a >>> 16) & 255]! ^ t12[a >>> 24]! ^ early ^ mid ^ late
  }
  return crc
}

function slice(count: number): Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, byte) => remainder(byte))
  const all = [first]
  for (let previous = first; all.length < count; all.push(previous)) {
    previous = previous.map(crc => first[crc & 255]! ^ (crc >>> 8))
  }
  return all
}

function remainder(byte: number): number {
  const polynomial = 0x82f63b78
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  return crc
}
