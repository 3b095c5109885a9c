// Every page of the guide, and the README, opens with a complete program: it compiles, as all other code of the page does, and prints what stands below it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { formatWithOptions } from 'node:util'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { compile, ours, root } from '../types/compile.js'

interface Page {
  readonly name: string
  readonly program: string
  /** The rest of its code; each piece may use the names of what stands before it, and declare them anew. */
  readonly pieces: readonly string[]
  readonly output: string | undefined
}

const folder = mkdtempSync(join(tmpdir(), 'faust-ts-guide-'))
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
afterAll(() => rmSync(folder, { recursive: true }))

const guide = join(root, 'docs/guide')
const names = readdirSync(guide).filter(name => name !== 'README.md')
const pages = [join(root, 'README.md'), ...names.map(name => join(guide, name))].map(readPage)

function readPage(path: string): Page {
  const markdown = readFileSync(path, 'utf8')
  const [, program = '', output] = /^```ts\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?/ms.exec(markdown) ?? []
  const [, ...pieces] = [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '')
  return { name: basename(path, '.md'), program, pieces, output }
}

test('every page says what its program prints, except where a shell would print it', () => {
  expect(pages.filter(({ output }) => output === undefined).map(({ name }) => name)).toEqual(['command-line'])
})

describe.each(pages.filter(({ output }) => output !== undefined))('$name', ({ name, program, output }) => {
  test('its program prints what the page says', async () => {
    const file = join(folder, `${name}.ts`)
    writeFileSync(file, program)
    vi.stubEnv('FAUST_BROKER', `embedded:${join(folder, name)}.faust`)
    const printed: string[] = []
    const { log } = console
    console.log = (...words: unknown[]) => void printed.push(formatWithOptions({ colors: false }, ...words))
    try {
      await import(file)
    } finally {
      console.log = log
    }
    expect(`${printed.join('\n')}\n`).toBe(output)
  })
})

test('all code of the guide compiles', () => {
  const library = { ...ours, 'faust-ts/cli': join(root, 'src/cli/cli.ts') }
  const sources = Object.fromEntries(pages.map(page => [`${page.name}.ts`, joined(page)]))
  expect(compile(sources, library).problems).toEqual([])
})

function joined({ program, pieces }: Page): string {
  const imports = pieces.flatMap(piece => piece.match(/^import .*$/gm) ?? [])
  const bodies = pieces.map(piece => piece.replace(/^import .*$/gm, ''))
  const nested = bodies.reduceRight((inner, body) => `async function piece(): Promise<void> {\n${body}\n${inner}\n}`, '')
  return `${[...new Set(imports)].filter(line => !program.includes(line)).join('\n')}\n${program}\n${nested}\n`
}
