import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ring } from './ring.js'

class Both {
  readonly ring = new Ring<number>()
  list: number[] = []
}

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.integer().map(item => (both: Both) => (both.ring.push(item), void both.list.push(item))) },
  { weight: 4, arbitrary: fc.constant((both: Both) => expect(both.ring.shift()).toBe(both.list.shift())) },
  {
    weight: 1,
    arbitrary: fc.constant((both: Both) => {
      both.ring.remove(item => item % 2 === 0)
      both.list = both.list.filter(item => item % 2 !== 0)
    }),
  },
  { weight: 1, arbitrary: fc.constant((both: Both) => (both.ring.clear(), void (both.list = []))) },
)

test('behaves as an array does under any sequence of operations', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), operations => {
      const both = new Both()
      for (const operate of operations) {
        operate(both)
        expect(both.ring.length).toBe(both.list.length)
        expect(both.ring.peek()).toBe(both.list[0])
        for (const at of [-1, 0, 3, both.list.length - 1, both.list.length]) expect(both.ring.at(at)).toBe(both.list[at])
      }
    }),
  )
})

test('keeps the order while it grows around its end', () => {
  const ring = new Ring<number>()
  for (let i = 0; i < 6; i++) ring.push(i)
  for (let i = 0; i < 6; i++) ring.shift()
  for (let i = 0; i < 1000; i++) ring.push(i)
  for (let i = 0; i < 1000; i++) expect(ring.shift()).toBe(i)
  expect(ring.shift()).toBeUndefined()
})
