import { expect, test } from 'vitest'
import { sequenceAfter } from './partition-queue.js'

test('numbers go up to 2^31 - 1, and after that comes 0', () => {
  expect(sequenceAfter(0, 5)).toBe(5)
  expect(sequenceAfter(2 ** 31 - 5, 4)).toBe(2 ** 31 - 1)
  expect(sequenceAfter(2 ** 31 - 5, 5)).toBe(0)
  expect(sequenceAfter(2 ** 31 - 1, 3)).toBe(2)
  expect(sequenceAfter(2, -3)).toBe(2 ** 31 - 1)
})
