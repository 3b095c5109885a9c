import { expect, test } from 'vitest'
import { headersFrom, noHeaders } from './record.js'

test('headers are written as UTF-8, in the order given', () => {
  expect([...(headersFrom({ b: 'ü', a: '' }) ?? [])]).toEqual([
    ['b', Buffer.from('c3bc', 'hex')],
    ['a', Buffer.alloc(0)],
  ])
})

test('no headers are null', () => {
  expect(headersFrom(undefined)).toBeNull()
  expect(headersFrom({})).toBeNull()
  expect(noHeaders.size).toBe(0)
})
