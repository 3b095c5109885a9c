import { type } from 'arktype'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { OptionError, ValidationError } from '../errors.js'
import { type Schema, unchecked, validator } from './schema.js'

const libraries: [string, Schema][] = [
  ['zod', z.object({ name: z.string(), lines: z.array(z.object({ total: z.number() })) })],
  ['valibot', v.object({ name: v.string(), lines: v.array(v.object({ total: v.number() })) })],
  ['arktype', type({ name: 'string', lines: type({ total: 'number' }).array() })],
]

function issuesOf(schema: Schema, value: unknown): readonly string[] {
  try {
    validator(schema)?.(value)
  } catch (error) {
    if (error instanceof ValidationError) return error.issues
    throw error
  }
  return []
}

test.each(libraries)('%s gives its output synchronously', (_name, schema) => {
  expect(validator(schema)?.({ name: 'a', lines: [{ total: 2 }] })).toEqual({ name: 'a', lines: [{ total: 2 }] })
})

test.each(libraries)('%s names the place of every problem', (_name, schema) => {
  const issues = issuesOf(schema, { name: 1, lines: [{ total: 1 }, { total: 'x' }] })
  expect(issues).toHaveLength(2)
  for (const place of ['name', 'lines[1].total']) expect(issues.filter(issue => issue.includes(place))).toHaveLength(1)
})

test('what a schema expected is told in one grammar', () => {
  expect(issuesOf(z.object({ total: z.number() }), { total: 'x' })).toEqual(['expected number at "total", got string'])
  expect(issuesOf(v.object({ total: v.number() }), { total: 'x' })).toEqual(['expected number at "total", got "x"'])
  expect(issuesOf(type({ total: 'number' }), { total: 'x' })).toEqual(['total must be a number (was a string)'])
  expect(issuesOf(z.string(), null)).toEqual(['expected string, got null'])
  expect(issuesOf(z.object({ kind: z.enum(['a', 'b']) }), { kind: 'c' })).toEqual(['expected one of "a"|"b" at "kind"'])
  expect(issuesOf(z.object({ n: z.number().min(1) }), { n: 0 })).toEqual(['Too small: expected number to be >=1 at "n"'])
})

test('several problems make one message', () => {
  const validate = validator(z.object({ a: z.number(), b: z.string() }))
  expect(() => validate?.({ a: 'x', b: 1 })).toThrow('expected number at "a", got string; expected string at "b", got number')
})

test('an asynchronous schema gives a promise of its output, or of its refusal', async () => {
  const validate = validator(z.string().refine(async value => (await Promise.resolve(value)) !== 'bad'))
  const good = validate?.('good')
  expect(good).toBeInstanceOf(Promise)
  expect(await good).toBe('good')
  await expect(validate?.('bad')).rejects.toThrow(ValidationError)
})

test('without a schema, or with one that does not look, there is nothing to do for an event', () => {
  expect(validator(undefined)).toBeNull()
  expect(validator(unchecked<{ a: number }>())).toBeNull()
  expect(unchecked()['~standard'].validate(5)).toEqual({ value: 5 })
})

test('what is not a Standard Schema is refused before any event', () => {
  for (const wrong of [{}, () => true, { '~standard': {} }]) {
    expect(() => validator(wrong as unknown as Schema)).toThrow(OptionError)
  }
})
