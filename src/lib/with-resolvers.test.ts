import { afterEach, expect, test } from 'vitest'
import { provideWithResolvers } from './with-resolvers.js'

interface Newer {
  withResolvers?: () => { promise: Promise<number>; resolve: (value: number) => void; reject: (reason: unknown) => void }
}

const native = (Promise as Newer).withResolvers
afterEach(() => {
  if (native === undefined) delete (Promise as Newer).withResolvers
  else (Promise as Newer).withResolvers = native
})

test('a runtime without it gets it', async () => {
  delete (Promise as Newer).withResolvers
  provideWithResolvers()
  const first = (Promise as Newer).withResolvers!()
  first.resolve(7)
  expect(await first.promise).toBe(7)
  const second = (Promise as Newer).withResolvers!()
  second.reject('no')
  await expect(second.promise).rejects.toBe('no')
})

test('a subclass gets a promise of its own kind', () => {
  delete (Promise as Newer).withResolvers
  provideWithResolvers()
  class Special extends Promise<number> {}
  expect((Special as Newer).withResolvers!().promise).toBeInstanceOf(Special)
})

test('what the runtime has stays', () => {
  const own = (): never => expect.fail()
  ;(Promise as Newer).withResolvers = own
  provideWithResolvers()
  expect((Promise as Newer).withResolvers).toBe(own)
})
