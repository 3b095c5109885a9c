// What the documents point to is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../types/compile.js'

const places = readdirSync(root, { withFileTypes: true }).filter(({ name }) => !/^(\..*|node_modules|dist|coverage)$/.test(name))
const documents = places
  .flatMap(place => (place.isDirectory() ? within(place.name) : [place.name]))
  .filter(path => path.endsWith('.md'))
  .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))

function within(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(path => join(folder, path))
}

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function isThere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const file = path === '' ? join(root, from) : join(root, dirname(from), path)
  if (!existsSync(file)) return false
  if (anchor === undefined) return true
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading ?? ''))
  return headings.includes(anchor)
}

describe.each(documents)('$path', ({ path, text }) => {
  test('every link leads to a file, and to a heading if it names one', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => link ?? []).filter(link => !/^\w+:/.test(link))
    expect(links.filter(link => !isThere(path, link))).toEqual([])
  })
})

test('ARCHITECTURE.md names files that there are', () => {
  const text = documents.find(({ path }) => path === 'ARCHITECTURE.md')?.text ?? ''
  const folders = 'lib|message|transport|stream|channel|agent|worker|app|embedded|cli|testing'
  const named = [...text.matchAll(new RegExp(`(?<![\\w/-])(?:src/)?((?:${folders})/[a-z-]+)(?:\\.ts)?(?![\\w./-])`, 'g'))].map(
    ([, name]) => name ?? '',
  )
  expect(named.length).toBeGreaterThan(30)
  expect([...new Set(named)].filter(name => !existsSync(join(root, 'src', `${name}.ts`)))).toEqual([])
})

test('every example says what it shows, is numbered, and stands in the list', () => {
  const folder = join(root, 'examples')
  const names = readdirSync(folder).filter(name => !name.endsWith('.md'))
  const list = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const name of names) {
    expect(name).toMatch(/^\d\d-[a-z-]+$/)
    const readme = readFileSync(join(folder, name, 'README.md'), 'utf8')
    expect(readme, relative(root, folder)).toMatch(new RegExp(`^# ${name.slice(0, 2)} `))
    expect(list).toContain(`](${name}/)`)
  }
})
