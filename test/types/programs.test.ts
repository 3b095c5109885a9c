import { expect, test } from 'vitest'
import { compile, ours, readPrograms, spine } from './compile.js'

// What the design promises of types, checked with the same programs against the design and against src.

const programs = readPrograms('programs')
const byUs = compile(programs, ours)
const byTheSpine = compile(programs, spine)

test('programs written for the spine compile with the library', () => {
  expect(byTheSpine.problems).toEqual([])
  expect(byUs.problems).toEqual([])
})

test.each(Object.keys(programs))('%s: everything exported has the type that the spine gives it', name => {
  expect(byUs.declarations[name]).toContain('export declare const')
  expect(byUs.declarations[name]).toBe(byTheSpine.declarations[name])
})
