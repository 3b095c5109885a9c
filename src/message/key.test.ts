import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { EncodeError, ValidationError } from '../errors.js'
import { json, text } from './codec.js'
import { encodeKey, keyDecoder } from './key.js'
import { type Schema, unchecked } from './schema.js'

const written = (key: unknown): string | undefined => encodeKey(key, undefined)?.toString()

test('text is written as its UTF-8 bytes, bytes as they are, no key as null', () => {
  expect(encodeKey('k1', undefined)).toEqual(Buffer.from('6b31', 'hex'))
  expect(encodeKey(new Uint8Array([1, 2]), undefined)).toEqual(Buffer.from([1, 2]))
  expect(encodeKey(null, undefined)).toBeNull()
  expect(encodeKey(undefined, json)).toBeNull()
})

test('any other key is written as JSON with sorted property names at every depth', () => {
  expect(written(5)).toBe('5')
  expect(written(true)).toBe('true')
  expect(written({ b: 1, a: [{ d: 2, c: 3 }], at: new Date(0) })).toBe(
    '{"a":[{"c":3,"d":2}],"at":"1970-01-01T00:00:00.000Z","b":1}',
  )
  expect(() => written({ n: 1n })).toThrow(EncodeError)
})

test('the order in which a key was built never changes its bytes', () => {
  const keys = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1 })
  fc.assert(
    fc.property(keys, key => {
      const reversed = Object.fromEntries(Object.entries(key).reverse())
      expect(written(reversed)).toBe(written(key))
      expect(JSON.parse(written(key) ?? '')).toEqual(JSON.parse(JSON.stringify(key)))
    }),
  )
})

test('a codec for keys writes and reads them all', () => {
  expect(encodeKey('k1', json)?.toString()).toBe('"k1"')
  expect(keyDecoder(z.string(), json)(Buffer.from('"k1"'))).toBe('k1')
  expect(keyDecoder(undefined, json)(Buffer.from('5'))).toBe(5)
  expect(keyDecoder(unchecked<number>(), json)(Buffer.from('5'))).toBe(5)
  expect(() => keyDecoder(z.string(), json)(Buffer.from('5'))).toThrow(ValidationError)
})

test('without a schema a key is read as the bytes it is', () => {
  const bytes = Buffer.from('k1')
  expect(keyDecoder(undefined, undefined)(bytes)).toBe(bytes)
  expect(keyDecoder(undefined, undefined)(null)).toBeNull()
  expect(keyDecoder(undefined, text)(null)).toBeNull()
})

test('a schema is offered the text first, then the parsed JSON', () => {
  const cases: [Schema, string, unknown][] = [
    [z.string(), '5', '5'],
    [z.number(), '5', 5],
    [z.coerce.number(), '5', 5],
    [z.boolean(), 'true', true],
    [z.object({ a: z.number() }), '{"a":1}', { a: 1 }],
    [z.coerce.date(), '2025-01-01', new Date('2025-01-01')],
    [unchecked<string>(), '5', '5'],
  ]
  for (const [schema, key, value] of cases) expect(keyDecoder(schema, undefined)(Buffer.from(key))).toEqual(value)
})

test('a key reads back through its schema', () => {
  const round = (schema: Schema, key: unknown): unknown => keyDecoder(schema, undefined)(encodeKey(key, undefined))
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), key => round(z.string(), key) === key))
  fc.assert(fc.property(fc.integer(), key => round(z.number(), key) === key))
  const pair = z.object({ b: z.string(), a: z.number() })
  fc.assert(fc.property(fc.integer(), fc.string(), (a, b) => isDeepStrictEqual(round(pair, { a, b }), { a, b })))
})

test('no key is offered as null', () => {
  expect(keyDecoder(z.string().nullable(), undefined)(null)).toBeNull()
  expect(keyDecoder(z.string().nullable(), json)(null)).toBeNull()
  expect(() => keyDecoder(z.string(), undefined)(null)).toThrow('expected string, got null')
})

test('the refusal tells of the form that tells more', () => {
  const refusal = (schema: Schema, key: string) => () => keyDecoder(schema, undefined)(Buffer.from(key))
  expect(refusal(z.object({ a: z.number() }), '{"a":"x"}')).toThrow('expected number at "a", got string')
  expect(refusal(z.string().min(3), '5')).toThrow('Too small')
  expect(refusal(z.number(), 'abc')).toThrow('expected number, got string')
})

test('a schema that validates keys asynchronously is refused, and what becomes of its promise disturbs nobody', () => {
  const validate = (): Promise<never> => Promise.reject(new TypeError('nobody hears this'))
  const schema: Schema = { '~standard': { version: 1, vendor: 'test', validate } }
  expect(() => keyDecoder(schema, undefined)(Buffer.from('k1'))).toThrow('the schema of a key must validate synchronously')
})
