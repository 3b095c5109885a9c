import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from './crc32c.js'

describe('crc32c', () => {
  it.each([
    ['', 0x00000000],
    [Buffer.from('123456789').toString('hex'), 0xe3069283],
    ['00'.repeat(32), 0x8a9136aa],
    ['ff'.repeat(32), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, at) => at)).toString('hex'), 0x46dd794e],
  ])('has the published checksum of %s', (hex, checksum) => {
    const bytes = Buffer.from(hex, 'hex')
    expect(crc32c(bytes, 0, bytes.length)).toBe(checksum)
  })

  it('agrees with the definition on every range of every alignment', () => {
    const bytesOfAnyAlignment = fc.tuple(fc.uint8Array({ maxLength: 400, size: 'max' }), fc.nat(8)).map(([bytes, shift]) => {
      const larger = new Uint8Array(bytes.length + shift)
      larger.set(bytes, shift)
      return larger.subarray(shift)
    })
    fc.assert(
      fc.property(bytesOfAnyAlignment, fc.nat(400), fc.nat(400), (bytes, one, other) => {
        const start = Math.min(one, other, bytes.length)
        const end = Math.min(Math.max(one, other), bytes.length)
        expect(crc32c(bytes, start, end)).toBe(byDefinition(bytes.subarray(start, end)))
      }),
      { numRuns: 500 },
    )
  })
})

function byDefinition(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
