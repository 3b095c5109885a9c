import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyHash, murmur2 } from './partitioner.js'

test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('the hash of %j is that of the Java client', (text, hash) => {
  const bytes = Buffer.from(text)
  expect(murmur2(bytes, 0, bytes.length)).toBe(hash)
})

test('a range hashes as its own bytes do, and never to a negative number', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), fc.nat(80), (buffer, one, other) => {
      const [start, end] = [Math.min(one, other, buffer.length), Math.min(Math.max(one, other), buffer.length)]
      const own = buffer.slice(start, end)
      const hash = murmur2(buffer, start, end)
      expect(hash).toBe(murmur2(own, 0, own.length))
      expect(hash).toBe(byBigint(own))
      expect(keyHash(buffer, start, end)).toBe(Number(BigInt.asUintN(31, BigInt(hash))))
    }),
  )
})

/** The definition, in arithmetic that cannot overflow. */
function byBigint(bytes: Uint8Array): number {
  const u32 = (value: bigint): bigint => BigInt.asUintN(32, value)
  const factor = 0x5bd1e995n
  const whole = bytes.length - (bytes.length % 4)
  let hash = u32(0x9747b28cn ^ BigInt(bytes.length))
  for (let at = 0; at < whole; at += 4) {
    let word = u32(BigInt(Buffer.from(bytes).readUInt32LE(at)) * factor)
    word = u32((word ^ (word >> 24n)) * factor)
    hash = u32(hash * factor) ^ word
  }
  const rest = bytes.subarray(whole)
  if (rest.length > 0) {
    rest.forEach((byte, index) => (hash ^= BigInt(byte) << BigInt(8 * index)))
    hash = u32(hash * factor)
  }
  hash = u32((hash ^ (hash >> 13n)) * factor)
  return Number(BigInt.asIntN(32, hash ^ (hash >> 15n)))
}
