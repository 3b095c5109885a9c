import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SparseIndex } from './sparse-index.js'

const block = fc.record({
  messages: fc.integer({ min: 1, max: 50 }),
  hole: fc.nat(3),
  size: fc.integer({ min: 80, max: 90_000 }),
})

test('finds a place at or at most 64 KiB before the block of an offset', () => {
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 40 }), parts => {
      const index = new SparseIndex()
      const blocks: { base: number; next: number; position: number; size: number }[] = []
      let [base, position] = [100, 0]
      for (const { messages, hole, size } of parts) {
        const one = { base, next: base + messages, size }
        index.note(position, one)
        blocks.push({ ...one, position })
        base += messages + hole
        position += size
      }
      expect(index.covered).toBe(position)
      for (const one of blocks) {
        for (const offset of [one.base, one.next - 1]) {
          const floor = index.floor(offset)
          expect(floor).toBeLessThanOrEqual(one.position)
          expect(floor).toBeGreaterThan(one.position - 64 * 1024)
          expect(blocks.some(other => other.position === floor)).toBe(true)
        }
      }
      expect(index.floor(index.coveredOffset)).toBeNull()
    }),
  )
})

test('a block after a gap is not taken up', () => {
  const index = new SparseIndex()
  index.note(0, { base: 0, next: 5, size: 100 })
  index.note(200, { base: 10, next: 15, size: 100 })
  expect([index.covered, index.floor(10)]).toEqual([100, null])
})

test('a reader goes on exactly where it stopped, as long as not too many others have', () => {
  const index = new SparseIndex()
  for (let place = 0; place < 100; place++) index.note(place * 100, { base: place, next: place + 1, size: 100 })
  index.stop(50, 5000)
  expect([index.floor(50), index.floor(51)]).toEqual([5000, 0])
  for (let other = 60; other < 76; other++) index.stop(other, other * 100)
  expect(index.floor(50)).toBe(0)
})
