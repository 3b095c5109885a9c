import { expectTypeOf, test } from 'vitest'
import type { KeyInput, RawKey } from './key.js'

test('a key without a schema is read as bytes and may be given as text or bytes', () => {
  expectTypeOf<RawKey>().toExtend<Uint8Array>()
  expectTypeOf<KeyInput<RawKey | null>>().toEqualTypeOf<string | Uint8Array | null>()
  expectTypeOf<KeyInput<RawKey>>().toEqualTypeOf<string | Uint8Array | null>()
})

test('a key with a schema is given as it is read', () => {
  expectTypeOf<KeyInput<number>>().toEqualTypeOf<number>()
  expectTypeOf<KeyInput<string | null>>().toEqualTypeOf<string | null>()
  expectTypeOf<KeyInput<{ account: string }>>().toEqualTypeOf<{ account: string }>()
  // oxlint-disable-next-line typescript/no-explicit-any -- what it does with any is the point
  expectTypeOf<KeyInput<any>>().toBeAny()
})
