import { expect, test } from 'vitest'
import { EncodeError, ValidationError } from '../errors.js'
import { pythonFaust } from './python-faust.js'

const order = pythonFaust('my.Order')
const written = (value: unknown): string => Buffer.from(order.encode(value)).toString()
const read = (text: string): unknown => order.decode(Buffer.from(text))

test('the bytes are those of Python Faust', () => {
  expect(written({ account: 'a1', amount: 10 })).toBe('{"account":"a1","amount":10,"__faust":{"ns":"my.Order"}}')
  expect(written({})).toBe('{"__faust":{"ns":"my.Order"}}')
})

test('a value that writes itself as JSON is a record too, and a namespace already there is replaced', () => {
  expect(written({ toJSON: () => ({ a: 1 }) })).toBe('{"a":1,"__faust":{"ns":"my.Order"}}')
  expect(written({ a: 1, __faust: { ns: 'other.Order' } })).toBe('{"a":1,"__faust":{"ns":"my.Order"}}')
})

test('reading strips the namespace, also of nested records, and takes records without one', () => {
  expect(read('{"account":"a1","amount":10,"__faust":{"ns":"my.Order"}}')).toEqual({ account: 'a1', amount: 10 })
  expect(read('{"account":"a1"}')).toEqual({ account: 'a1' })
  expect(read('{"lines":[{"n":1,"__faust":{"ns":"my.Line"}}],"__faust":{"ns":"my.Order"}}')).toEqual({ lines: [{ n: 1 }] })
  expect(read('null')).toBeNull()
})

test('a record of another namespace is refused', () => {
  expect(() => read('{"a":1,"__faust":{"ns":"my.Refund"}}')).toThrow(ValidationError)
  expect(() => read('{"a":1,"__faust":{"ns":"my.Refund"}}')).toThrow('expected "my.Order" at "__faust.ns", got "my.Refund"')
})

test('only objects can be records', () => {
  for (const value of [1, 'x', null, [1], undefined]) expect(() => order.encode(value)).toThrow(EncodeError)
  expect(() => order.encode([1])).toThrow('Cannot write an array as the record "my.Order". Send an object.')
})
