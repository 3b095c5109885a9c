import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EncodeError } from '../errors.js'
import { asBuffer, type Codec, encodeWith, json, rangeDecoder, raw, text } from './codec.js'
import { gzip } from './gzip.js'
import { msgpack } from './msgpack.js'

const bytes = fc.uint8Array({ maxLength: 60 })
// msgpackr reads a property named __proto__ under another name, so that no message reaches a prototype.
const withoutPrototypes = fc.jsonValue().filter(value => !JSON.stringify(value).includes('__proto__'))
const kinds: { name: string; codec: Codec; values: fc.Arbitrary<unknown> }[] = [
  { name: 'json', codec: json, values: fc.jsonValue({ noUnicodeString: false }) },
  { name: 'text', codec: text, values: fc.string({ unit: 'grapheme' }) },
  { name: 'raw', codec: raw, values: bytes },
  { name: 'msgpack', codec: msgpack, values: withoutPrototypes },
  { name: 'gzip(json)', codec: gzip(json), values: fc.jsonValue() },
  { name: 'gzip(raw)', codec: gzip(raw), values: bytes },
]

/** JSON has no -0. */
const plain = (value: unknown): unknown => (value instanceof Uint8Array ? [...value] : JSON.parse(JSON.stringify(value)))

test.each(kinds)('$name gives back what was encoded, whole or as a range of a larger buffer', ({ codec, values }) => {
  const decodeRange = rangeDecoder(codec)
  fc.assert(
    fc.property(values, bytes, bytes, (value, before, after) => {
      const encoded = codec.encode(value)
      expect(encoded).toBeInstanceOf(Uint8Array)
      expect(plain(codec.decode(new Uint8Array(encoded)))).toEqual(plain(value))
      const around = Buffer.concat([before, encoded, after])
      expect(plain(decodeRange(around, before.length, before.length + encoded.length))).toEqual(plain(value))
    }),
    { numRuns: 60 },
  )
})

test.each(kinds)('the hot path writes the same bytes as the codec $name', ({ codec, values }) => {
  fc.assert(
    fc.property(values, value => {
      const encoded = encodeWith(codec, value)
      expect(Buffer.from(encoded as Uint8Array).equals(codec.encode(value))).toBe(true)
    }),
    { numRuns: 30 },
  )
})

test('JSON and text come as strings, so that a producer can write them straight into its batch', () => {
  expect(encodeWith(json, { a: 1 })).toBe('{"a":1}')
  expect(encodeWith(text, 'ü')).toBe('ü')
  expect(encodeWith(raw, Buffer.from('x'))).toBeInstanceOf(Uint8Array)
})

test('what JSON cannot hold is refused with a remedy', () => {
  const cycle: { self?: object } = {}
  cycle.self = cycle
  for (const value of [undefined, () => 1, Symbol('s'), 1n, { n: 1n }, cycle]) {
    expect(() => json.encode(value)).toThrow(EncodeError)
    expect(() => encodeWith(json, value)).toThrow(EncodeError)
  }
  expect(() => json.encode(undefined)).toThrow(
    'Cannot write undefined as JSON. Send null to delete, or a value that JSON can hold.',
  )
  expect(() => json.encode({ n: 1n })).toThrow(/BigInt\. Send what JSON can hold \(a bigint as a string\), or give .* msgpack\.$/)
  expect(() => json.encode(cycle)).toThrow(/^[^\n]*$/)
})

test('text and raw take only their own kind', () => {
  expect(() => encodeWith(text, 1)).toThrow('Cannot write number as text. Send a string, or give the topic another codec.')
  expect(() => encodeWith(raw, null)).toThrow('Cannot write null as bytes. Send a Uint8Array, or give the topic another codec.')
})

test('what a codec of the user throws becomes an EncodeError with its cause', () => {
  const cause = new RangeError('no such id')
  const picky: Codec = {
    encode: () => {
      throw cause
    },
    decode: value => value,
  }
  expect(() => encodeWith(picky, 1)).toThrow(EncodeError)
  expect(() => encodeWith(picky, 1)).toThrow(expect.objectContaining({ cause, message: expect.stringContaining('no such id') }))
})

test('raw ranges are copies, so that a value does not keep its batch', () => {
  const batch = Buffer.from('abcdef')
  const value = rangeDecoder(raw)(batch, 2, 4) as Uint8Array
  batch.fill(0)
  expect(Buffer.from(value).toString()).toBe('cd')
})

test('msgpack holds what JSON cannot, and its bytes are copies', () => {
  const sent = { cents: 12_345_678_901_234_567n, at: new Date(1000), bytes: Buffer.from('abc'), none: undefined }
  const encoded = msgpack.encode(sent)
  const received = msgpack.decode(encoded) as typeof sent
  expect(received.cents).toBe(sent.cents)
  expect(received.at).toEqual(sent.at)
  encoded.fill(0)
  expect(Buffer.from(received.bytes).toString()).toBe('abc')
})

test('msgpack writes plain maps, which any language reads, also the second time', () => {
  for (let i = 0; i < 2; i++) {
    expect(Buffer.from(msgpack.encode({ a: 1, b: [true, 'x'] })).toString('hex')).toBe('de0002a16101a16292c3a178')
  }
})

test('gzip refuses what its inner codec refuses, and bytes that are not gzip', () => {
  expect(() => gzip(json).encode(undefined)).toThrow(EncodeError)
  expect(() => gzip(json).decode(Buffer.from('{}'))).toThrow('incorrect header check')
})

test('a Buffer over other bytes is a view, and of a Buffer itself', () => {
  const parent = new Uint8Array([1, 2, 3, 4])
  const view = asBuffer(parent.subarray(1, 3))
  parent[1] = 9
  expect([...view]).toEqual([9, 3])
  expect(asBuffer(view)).toBe(view)
})
