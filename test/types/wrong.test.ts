import { describe, expect, test } from 'vitest'
import { compile, ours, readPrograms, spine, type Problem } from './compile.js'

const directive = /^(\s*)\/\/ @ts-expect-error (.*)$/
const withoutDirectives = (text: string): string => text.replace(new RegExp(directive, 'gm'), '$1// $2')

const programs = readPrograms('wrong')
const undirected = Object.fromEntries(Object.entries(programs).map(([name, text]) => [name, withoutDirectives(text)]))
const { problems } = compile(undirected, ours)

describe.each(Object.entries(programs))('wrong programs: %s', (file, text) => {
  const own = problems.filter(problem => problem.file === file)
  const expected = expectedIn(text)

  test.each(expected)('line $line: $words', ({ line, words }) => {
    expect(own.flatMap(problem => (problem.line === line ? [problem.message] : [])).join('\n')).toMatch(pattern(words))
  })

  test('nothing else is wrong', () => {
    const lines = expected.map(({ line }) => line)
    expect(own.filter(({ line, message }) => !lines.includes(line) && !isConsequence(message))).toEqual([])
  })
})

test('the spine refuses the same programs at the same places', () => {
  const { 'absent.ts': _absent, 'stricter.ts': _stricter, ...shared } = undirected
  const places = (found: readonly Problem[]): string[] => [...new Set(found.map(({ file, line }) => `${file}:${line}`))].sort()
  expect(places(problems.filter(({ file }) => file in shared))).toEqual(places(compile(shared, spine).problems))
})

/** What each directive says about the line below it. */
function expectedIn(text: string): { line: number; words: string }[] {
  return text.split('\n').flatMap((line, index) => {
    const [, , words] = directive.exec(line) ?? []
    return words === undefined ? [] : [{ line: index + 2, words }]
  })
}

/** Words as they are; `…` is any text. */
function pattern(words: string): RegExp {
  return new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ ?… ?/g, '[^]*'))
}

/** A function whose options are refused is no longer typed by them. */
function isConsequence(message: string): boolean {
  return message.includes("implicitly has an 'any' type")
}
