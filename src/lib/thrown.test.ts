import { expect, test } from 'vitest'
import { thrown } from './thrown.js'

test('an error keeps its name and message', () => {
  expect(thrown(new RangeError('too far'))).toEqual({ name: 'RangeError', message: 'too far' })
})

test('whatever else is thrown is shown, even what has no words for itself', () => {
  expect(thrown('just words')).toEqual({ name: 'Error', message: 'just words' })
  expect(thrown(undefined).message).toBe('undefined')
  expect(thrown({ a: 1 }).message).toBe('{ a: 1 }')
  expect(thrown(Object.create(null)).message).toBe('[Object: null prototype] {}')
  expect(thrown(10n).message).toBe('10n')
})
