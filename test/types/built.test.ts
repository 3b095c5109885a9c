import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { compile, readPrograms, root, runCompiler, type Library } from './compile.js'

// The declarations of the package as it is published, in the hands of somebody else's compiler options.

const folder = mkdtempSync(join(tmpdir(), 'faust-ts-built-'))
afterAll(() => rmSync(folder, { recursive: true }))
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
runCompiler(['-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist'), '--emitDeclarationOnly'])

const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { types: string }>
}
const built: Library = Object.fromEntries(
  Object.entries(entries).flatMap(([subpath, entry]) =>
    typeof entry === 'string' ? [] : [[join('faust-ts', subpath), join(folder, entry.types)]],
  ),
)
const everybodyElse = { customConditions: [], lib: ['es2022'] }

describe.each(Object.entries(built))('%s', (_name, entry) => {
  const files = reachableFrom(entry)

  test('its declarations know no types but their own and those of Standard Schema', () => {
    const foreign = [...files.values()].flat().filter(specifier => !specifier.startsWith('.'))
    expect([...new Set(foreign)].filter(specifier => specifier !== '@standard-schema/spec')).toEqual([])
  })

  test('each of its declarations leads to its source, which is published too', () => {
    for (const path of files.keys()) {
      const { sources } = JSON.parse(readFileSync(`${path}.map`, 'utf8')) as { sources: string[] }
      expect(sources.filter(source => !existsSync(join(dirname(path), source)))).toEqual([])
    }
  })
})

test('its declarations hold for a compiler that checks them and has no types of disposables', () => {
  const imports = Object.keys(built).map(
    (name, at) => `import * as entry${at} from '${name}'\nexport const used${at} = entry${at}\n`,
  )
  const options = { ...everybodyElse, skipLibCheck: false }
  expect(compile({ 'user.ts': imports.join('') }, built, { options }).problems).toEqual([])
})

test('the programs of the design compile without the strictest options', () => {
  const options = { ...everybodyElse, exactOptionalPropertyTypes: false, noUncheckedIndexedAccess: false }
  expect(compile(readPrograms('programs'), built, { options }).problems).toEqual([])
})

test('they compile for a bundler as well', () => {
  const options = { ...everybodyElse, module: 'esnext', moduleResolution: 'bundler' }
  expect(compile(readPrograms('programs'), built, { options }).problems).toEqual([])
})

/** The declaration files that an entry file leads to, with what each imports. */
function reachableFrom(entry: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const waiting = [entry]
  for (const path of waiting) {
    if (found.has(path)) continue
    const text = readFileSync(path, 'utf8').replace(/\/\*[^]*?\*\//g, '')
    const specifiers = [...text.matchAll(/(?:from |import\(|import )['"]([^'"]+)['"]/g)].map(([, specifier]) => specifier ?? '')
    found.set(path, specifiers)
    for (const specifier of specifiers) {
      if (specifier.startsWith('.')) waiting.push(join(dirname(path), specifier.replace(/\.js$/, '.d.ts')))
    }
  }
  return found
}
