import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { EncodeError } from '../errors.js'
import { type Codec, json } from './codec.js'
import { msgpack } from './msgpack.js'
import { checkRoundTrip } from './round-trip.js'
import { type Schema, unchecked } from './schema.js'

const check = (value: unknown, schema: Schema | undefined, codec: Codec = json): void | Promise<void> =>
  checkRoundTrip(value, { codec, schema, topic: 'orders' })

test('any JSON value survives, with and without a schema', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      // zod drops a property named __proto__, which is a drift indeed.
      const schemas = [unchecked(), undefined, ...(JSON.stringify(value).includes('__proto__') ? [] : [z.json()])]
      for (const schema of schemas) expect(check(value, schema)).toBeUndefined()
    }),
  )
})

test('dates survive where the schema revives them', () => {
  expect(check({ placed: new Date(5) }, z.object({ placed: z.coerce.date() }))).toBeUndefined()
  expect(check({ placed: new Date(5) }, unchecked(), msgpack)).toBeUndefined()
})

test('a schema that drifts at each hop is caught, with topic and place', () => {
  const shout = z.object({ lines: z.array(z.object({ word: z.string().transform(word => `${word}!`) })) })
  expect(() => check({ lines: [{ word: 'a' }] }, shout)).toThrow(
    `The value for "orders" does not survive the round trip: what "lines[0].word" was sent as 'a' reads back as 'a!'.`,
  )
  expect(() => check('a', z.string().toUpperCase())).toThrow(expect.objectContaining({ code: 'FAUST_ENCODE', topic: 'orders' }))
})

test('what the codec cannot hold is caught', () => {
  const lost: unknown[] = [{ at: new Date(5) }, { tags: new Set([1]) }, new Map(), [undefined], NaN, { bytes: Buffer.from('x') }]
  for (const value of lost) expect(() => check(value, unchecked())).toThrow(EncodeError)
  expect(() => check({ cents: 1n }, unchecked())).toThrow('Cannot carry the value to "orders": Cannot write the value as JSON')
  expect(() => check(undefined, undefined)).toThrow(EncodeError)
})

test('a property lost or added is a difference, one that is undefined is not', () => {
  expect(() => check({ a: 1, extra: 2 }, z.object({ a: z.number() }))).toThrow(
    'what "extra" was sent as 2 reads back as undefined',
  )
  expect(() => check({ a: 1 }, z.object({ a: z.number(), b: z.number().default(7) }))).toThrow('what "b" was sent as undefined')
  expect(check({ a: 1, b: undefined }, z.object({ a: z.number() }))).toBeUndefined()
})

test('values that know their own JSON are compared by it', () => {
  class Money {
    readonly #cents: number
    constructor(cents: number) {
      this.#cents = cents
    }
    toJSON(): number {
      return this.#cents
    }
  }
  const revived = (change: number): Schema => z.number().transform(cents => new Money(cents + change))
  expect(check(new Money(5), revived(0))).toBeUndefined()
  expect(() => check(new Money(5), revived(1))).toThrow(EncodeError)
  expect(() => check(new Money(5), z.number())).toThrow(EncodeError)
})

test('maps and sets are compared by what they hold', () => {
  const tags = z.object({ tags: z.array(z.string()).transform(list => new Set(list)) })
  const spread: Codec = {
    encode: value => json.encode({ tags: [...(value as { tags: Set<string> }).tags] }),
    decode: bytes => json.decode(bytes),
  }
  expect(check({ tags: new Set(['a', 'b']) }, tags, spread)).toBeUndefined()
  const lossy: Codec = { ...spread, encode: () => json.encode({ tags: ['a'] }) }
  expect(() => check({ tags: new Set(['a', 'b']) }, tags, lossy)).toThrow('tags[1]')
})

test('without a schema nobody claims that a date comes back as one', () => {
  expect(check({ at: new Date(5) }, undefined)).toBeUndefined()
})

test('a tombstone and what the schema refuses are left to the reader', () => {
  expect(check(null, z.number())).toBeUndefined()
  expect(check('x', z.number())).toBeUndefined()
})

test('an asynchronous schema is waited for', async () => {
  const later = z.string().transform(word => Promise.resolve(`${word}!`))
  await expect(check('a', later)).rejects.toThrow(EncodeError)
  for (const verdict of [true, false]) {
    const slow = z.string().refine(() => Promise.resolve(verdict))
    await expect(check('a', slow)).resolves.toBeUndefined()
  }
})
