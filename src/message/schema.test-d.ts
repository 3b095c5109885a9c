import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import type { Input, JsonImage, Output, RoundTrips } from './schema.js'
import { unchecked } from './schema.js'

test('what JSON leaves of a type', () => {
  expectTypeOf<JsonImage<{ at: Date; n: number }>>().toEqualTypeOf<{ at: string; n: number }>()
  expectTypeOf<JsonImage<unknown>>().toBeUnknown()
  expectTypeOf<JsonImage<() => 1>>().toEqualTypeOf<{ 'not JSON': () => 1 }>()
  expectTypeOf<JsonImage<bigint[]>>().toEqualTypeOf<{ 'not JSON': bigint }[]>()
})

test('only a schema that accepts its own output round-trips', () => {
  const dates = z.object({ at: z.coerce.date() })
  const lengths = z.string().transform(text => text.length)
  expectTypeOf<RoundTrips<typeof dates>>().toBeUnknown()
  expectTypeOf<RoundTrips<typeof lengths>>().toHaveProperty('schema does not round-trip')
  expectTypeOf<Input<typeof lengths>>().toEqualTypeOf<string>()
  expectTypeOf<Output<typeof lengths>>().toEqualTypeOf<number>()
})

test('an unchecked schema has the type it is given', () => {
  expectTypeOf(unchecked<{ a: 1 }>()).toMatchTypeOf<{ '~standard': { version: 1 } }>()
  const shape = unchecked<{ a: 1 }>()
  expectTypeOf<Output<typeof shape>>().toEqualTypeOf<{ a: 1 }>()
})
