import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exponential } from './backoff.js'
import { seededRandom } from './random.js'

test('doubles up to the limit when chance gives its most', () => {
  const backoff = exponential({ initialMs: 100, maxMs: 1000, random: { next: () => 1 } })
  expect([1, 2, 3, 4, 5, 5000].map(attempt => backoff.delayMs(attempt))).toEqual([100, 200, 400, 800, 1000, 1000])
})

test('stays in the upper half of what doubling allows', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 40 }), (seed, attempt) => {
      const delayMs = exponential({ initialMs: 50, maxMs: 30_000, random: seededRandom(seed) }).delayMs(attempt)
      const ceilingMs = Math.min(30_000, 50 * 2 ** (attempt - 1))
      expect(delayMs).toBeGreaterThanOrEqual(ceilingMs / 2)
      expect(delayMs).toBeLessThan(ceilingMs)
    }),
  )
})
