import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VarintCursor, varintBytes, writeVarint, writeVarlong } from './varint.js'

const bytes = Buffer.alloc(32)
const edge = fc
  .tuple(fc.nat(52), fc.integer({ min: -1, max: 1 }), fc.constantFrom(-1, 1))
  .map(([bit, by, sign]) => sign * (2 ** bit + by))
const int = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  edge.filter(value => value === (value | 0)),
)
const long = fc.oneof(fc.maxSafeInteger(), edge, int)

describe('varints', () => {
  it.each([
    [0, '00'],
    [-1, '01'],
    [1, '02'],
    [63, '7e'],
    [-64, '7f'],
    [64, '8001'],
    [8191, 'fe7f'],
    [2147483647, 'feffffff0f'],
    [-2147483648, 'ffffffff0f'],
  ])('writes %d as %s', (value, hex) => {
    expect(bytes.toString('hex', 0, writeVarint(bytes, 0, value))).toBe(hex)
    expect(bytes.toString('hex', 0, writeVarlong(bytes, 0, value))).toBe(hex)
  })

  it.each([
    [2 ** 31, '8080808010'],
    [-(2 ** 31) - 1, '8180808010'],
    [Number.MAX_SAFE_INTEGER, 'feffffffffffff1f'],
    [-Number.MAX_SAFE_INTEGER, 'fdffffffffffff1f'],
  ])('writes %d of 64 bits as %s', (value, hex) => {
    expect(bytes.toString('hex', 0, writeVarlong(bytes, 0, value))).toBe(hex)
  })

  it('reads 32 bits as they were written, and knows their size', () => {
    fc.assert(
      fc.property(int, value => {
        const end = writeVarint(bytes, 3, value)
        const cursor = new VarintCursor().over(bytes, 3, end)
        expect(cursor.varint()).toBe(value + 0)
        expect(cursor.at).toBe(end)
        expect(varintBytes(value)).toBe(end - 3)
      }),
      { numRuns: 1000 },
    )
  })

  it('reads 64 bits as they were written', () => {
    fc.assert(
      fc.property(long, value => {
        const end = writeVarlong(bytes, 3, value)
        const cursor = new VarintCursor().over(bytes, 3, end)
        expect(cursor.varlong()).toBe(value + 0)
        expect(cursor.at).toBe(end)
      }),
      { numRuns: 1000 },
    )
  })

  it('stays past the end of a number that is too long, and of a part that is', () => {
    const endless = Buffer.alloc(32, 0xff)
    const cursor = new VarintCursor()
    for (const read of [() => cursor.varint(), () => cursor.varlong(), () => cursor.skip(6)]) {
      cursor.over(endless, 0, 5)
      read()
      expect(cursor.at).toBeGreaterThan(cursor.end)
    }
    cursor.over(Buffer.alloc(0), 0, 0)
    cursor.varint()
    expect(cursor.at).toBeGreaterThan(cursor.end)
  })
})
