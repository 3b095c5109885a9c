import { expect, test } from 'vitest'
import { didYouMean } from './did-you-mean.js'

test('names what is near, and nothing else', () => {
  expect(didYouMean('addin', ['doubling', 'adding'])).toBe(' Did you mean "adding"?')
  expect(didYouMean('Adding', ['adding'])).toBe(' Did you mean "adding"?')
  expect(didYouMean('orders', ['payments', 'adding'])).toBe('')
  expect(didYouMean('a', [])).toBe('')
})
