import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'

const whole = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })

test('what is written is read again, numbers exactly, across parts of any size', () => {
  const item = fc.record({
    big: whole,
    small: fc.integer(),
    name: fc.string({ unit: 'binary' }),
    bytes: fc.uint8Array({ maxLength: 3000 }),
  })
  fc.assert(
    fc.property(fc.array(item), items => {
      const to = new ByteWriter()
      to.array(items, ({ big, small, name, bytes }) => to.int64(big).int32(small).string(name).bytes(bytes).tags())
      const from = new ByteReader(to.tags().toBuffer())
      const read = from.array(() =>
        from.ended({ big: from.int64(), small: from.int32(), name: from.string(), bytes: new Uint8Array(from.bytes()) }),
      )
      from.tags()
      expect(read).toEqual(items.map(each => ({ ...each, bytes: new Uint8Array(each.bytes) })))
      expect(from.remaining).toBe(0)
    }),
  )
})

test('64-bit numbers are those of the runtime', () => {
  fc.assert(
    fc.property(whole, value => {
      const expected = Buffer.alloc(8)
      expected.writeBigInt64BE(BigInt(value))
      expect(new ByteWriter().int64(value).toBuffer()).toEqual(expected)
      expect(new ByteReader(expected).int64()).toBe(value)
    }),
  )
})

test('varints of every length', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 31 - 1 }), value => {
      expect(new ByteReader(new ByteWriter().varint(value).toBuffer()).varint()).toBe(value)
    }),
  )
})

test('null is not empty', () => {
  const from = new ByteReader(new ByteWriter().string(null).string('').toBuffer())
  expect([from.nullableString(), from.nullableString()]).toEqual([null, ''])
})

test('a long batch is passed on, not copied', () => {
  const batch = Buffer.alloc(5000, 7)
  const parts = new ByteWriter().int32(1).bytes(batch).tags().parts()
  expect(parts.some(part => part.buffer === batch.buffer && part.length === 5000)).toBe(true)
})

test('tagged fields that nobody knows are passed, count, tag and size', () => {
  const to = new ByteWriter().varint(2)
  to.varint(0).varint(3).raw(Buffer.from('abc'))
  to.varint(300).varint(200).raw(Buffer.alloc(200))
  const from = new ByteReader(to.int32(77).toBuffer())
  const seen: [number, number][] = []
  from.tags((tag, field) => seen.push([tag, field.remaining]))
  expect(from.int32()).toBe(77)
  expect(seen).toEqual([
    [0, 3],
    [300, 200],
  ])
})

test('an answer cut short at any place is a TransportError, and not worth another try', () => {
  const answer = new ByteWriter().int32(1).int64(2).string('three').bytes(Buffer.from('four')).uuid(null).tags().toBuffer()
  for (let length = 0; length < answer.length; length++) {
    const from = new ByteReader(answer.subarray(0, length))
    const read = (): void => {
      from.int32()
      from.int64()
      from.string()
      from.bytes()
      from.uuid()
      from.tags()
    }
    expect(read).toThrow(expect.objectContaining({ constructor: TransportError, retriable: false }))
  }
})
