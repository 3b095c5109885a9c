import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyOffsets } from './key-offsets.js'
import { SipHash } from './sip-hash.js'

test('holds the last offset of each key, however many there are', () => {
  const hash = new SipHash(Int32Array.of(1, 2, 3, 4))
  const use = (key: string): SipHash => {
    const bytes = Buffer.from(key)
    hash.hash(bytes, 0, bytes.length)
    return hash
  }
  fc.assert(
    fc.property(fc.nat(3000), fc.array(fc.nat(4000), { maxLength: 2000 }), (count, more) => {
      const offsets = new KeyOffsets()
      const expected = new Map<string, number>()
      const keys = [...Array.from({ length: count }, (_, index) => index), ...more].map(String)
      for (const [offset, key] of keys.entries()) {
        offsets.set(use(key), offset)
        expected.set(key, offset)
      }
      expect(offsets.size).toBe(expected.size)
      for (const [key, offset] of expected) expect(offsets.get(use(key))).toBe(offset)
      expect(offsets.get(use('another'))).toBe(-1)
    }),
    { numRuns: 20 },
  )
})
