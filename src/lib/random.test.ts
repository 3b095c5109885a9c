import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom, systemRandom, uuid } from './random.js'

test('a seed repeats its numbers, all of them at least 0 and less than 1', () => {
  fc.assert(
    fc.property(fc.integer(), seed => {
      const [one, other] = [seededRandom(seed), seededRandom(seed)]
      for (let i = 0; i < 20; i++) {
        const next = one.next()
        expect(other.next()).toBe(next)
        expect(next >= 0 && next < 1).toBe(true)
      }
    }),
  )
})

test('the numbers of a seed are those of mulberry32 and spread evenly', () => {
  expect(seededRandom(0).next()).toBeCloseTo(0.26642920868471265, 15)
  const random = seededRandom(7)
  const buckets = new Array<number>(10).fill(0)
  for (let i = 0; i < 100_000; i++) buckets[Math.floor(random.next() * 10)]!++
  for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500)
})

test('a uuid is of version 4, whatever the source', () => {
  const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  expect(uuid(systemRandom)).toMatch(pattern)
  fc.assert(fc.property(fc.integer(), seed => pattern.test(uuid(seededRandom(seed)))))
})

test('uuids of a seed repeat, those of the system do not', () => {
  expect(uuid(seededRandom(1))).toBe(uuid(seededRandom(1)))
  expect(uuid(systemRandom)).not.toBe(uuid(systemRandom))
})
