import { expect, test } from 'vitest'
import { z } from 'zod'
import { argument, checkArguments, flag, kindOf, option } from './command.js'

const number = z.coerce.number()

test("a word is read by its schema, and what does not fit is told in the schema's words", () => {
  expect(argument(number).parse('4')).toBe(4)
  expect(argument(z.string()).parse('4')).toBe('4')
  expect(() => argument(number).parse('four')).toThrow(expect.objectContaining({ code: 'FAUST_OPTION', option: 'argument' }))
  expect(() => argument(number).parse('four')).toThrow('expected number, got NaN')
})

test('an option that is not given is offered to its schema as undefined', () => {
  expect(option(number.default(7)).parse(undefined as unknown as string)).toBe(7)
})

test('a flag is true or false', () => {
  expect([flag().parse('true'), flag().parse('false')]).toEqual([true, false])
})

test('help is kept, and none is none', () => {
  expect([argument(number, 'first').help, option(number, 'second').help, flag('third').help]).toEqual([
    'first',
    'second',
    'third',
  ])
  expect([argument(number), option(number), flag()].map(made => 'help' in made)).toEqual([false, false, false])
})

test('the three kinds are told apart', () => {
  expect([argument(number), option(number), flag()].map(kindOf)).toEqual(['argument', 'option', 'flag'])
})

test('a schema that answers later cannot read a word', () => {
  const later = z.string().refine(async () => true)
  expect(() => argument(later).parse('x')).toThrow('the schema of an argument must validate synchronously')
})

test('what belongs elsewhere is refused by name', () => {
  const refusal = (given: Parameters<typeof checkArguments>[1]): unknown => {
    try {
      checkArguments('add', given)
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(refusal({ arguments: { a: argument(number) }, options: { b: option(number), c: flag() } })).toBeUndefined()
  expect(refusal({ arguments: { a: { parse: Number } }, options: { b: { parse: Number } } })).toBeUndefined()
  expect(refusal({ arguments: { a: number } })).toBe('Command "add": arguments.a is a schema: write argument(schema).')
  expect(refusal({ options: { a: number } })).toBe('Command "add": options.a is a schema: write option(schema) or flag().')
  expect(refusal({ arguments: { a: flag() } })).toBe(
    'Command "add": arguments.a is made by flag(): argument(schema) belongs there.',
  )
  expect(refusal({ options: { a: argument(number) } })).toBe(
    'Command "add": options.a is made by argument(): option(schema) or flag() belongs there.',
  )
  expect(refusal({ arguments: { a: undefined } })).toBe('Command "add": arguments.a must be made by argument(schema).')
})
