import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { argument, flag, option, type Argument, type NoSchema } from './command.js'

test('a word is what its schema makes of it', () => {
  expectTypeOf(argument(z.coerce.number())).toEqualTypeOf<Argument<number>>()
  expectTypeOf(option(z.string().optional())).toEqualTypeOf<Argument<string | undefined>>()
  expectTypeOf(option(z.enum(['a', 'b']).default('a'))).toEqualTypeOf<Argument<'a' | 'b'>>()
  expectTypeOf(flag('loud')).toEqualTypeOf<Argument<boolean>>()
})

test('a schema is none, even one that can parse', () => {
  const schema = z.number()
  expectTypeOf(schema).toExtend<Argument<number>>()
  expectTypeOf(schema).not.toExtend<Argument<number> & NoSchema>()
  expectTypeOf<StandardSchemaV1<number>>().not.toExtend<Argument<number>>()
  expectTypeOf(argument(schema)).toExtend<Argument<number> & NoSchema>()
})
