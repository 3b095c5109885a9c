import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { prepareDirectory, resolveDirectory } from './directory.js'

let root: string
beforeEach(() => void (root = realpathSync(mkdtempSync(join(tmpdir(), 'faust-test-')))))
afterEach(() => rmSync(root, { recursive: true }))

test('a directory that is not there is made, for its user only', async () => {
  const directory = join(root, 'a', 'b')
  expect(await resolveDirectory(directory)).toBe(directory)
  expect(statSync(directory).mode & 0o777).toBe(0o700)
})

test('a directory that is there keeps its mode', async () => {
  chmodSync(root, 0o755)
  await resolveDirectory(root)
  expect(statSync(root).mode & 0o777).toBe(0o755)
})

test('every spelling of a directory becomes the same', async () => {
  mkdirSync(join(root, 'real'))
  symlinkSync(join(root, 'real'), join(root, 'link'))
  const spellings = [
    join(root, 'real'),
    join(root, 'link'),
    join(root, 'link', '..', 'real', '.'),
    relative(process.cwd(), join(root, 'link')),
  ]
  expect(new Set(await Promise.all(spellings.map(resolveDirectory)))).toEqual(new Set([join(root, 'real')]))
})

test('whoever opens it marks it with its format, once', async () => {
  await Promise.all([prepareDirectory(root), prepareDirectory(root), prepareDirectory(root)])
  expect(readdirSync(root)).toEqual(['format'])
  expect(JSON.parse(readFileSync(join(root, 'format'), 'utf8'))).toEqual({ format: 1 })
  const before = statSync(join(root, 'format')).ino
  await prepareDirectory(root)
  expect(statSync(join(root, 'format')).ino).toBe(before)
})

test('a directory that was deleted since is made anew', async () => {
  const directory = await resolveDirectory(join(root, 'gone'))
  rmSync(directory, { recursive: true })
  await prepareDirectory(directory)
  expect(readdirSync(directory)).toEqual(['format'])
})

test.for([
  [
    '{"format":2,"more":true}',
    /: a newer version of faust-ts wrote it, in format 2, and this one knows format 1\. Upgrade faust-ts/,
  ],
  ['', /its file "format" is damaged\. Restore it from a backup/],
  ['{"format":1', /is damaged/],
  ['{"format":"1"}', /is damaged/],
  ['null', /is damaged/],
] as const)('a directory whose format says %j is refused and left alone', async ([text, words]) => {
  writeFileSync(join(root, 'format'), text)
  for (const use of [resolveDirectory, prepareDirectory]) {
    const refused = use(root)
    await expect(refused).rejects.toMatchObject({
      code: 'FAUST_TRANSPORT',
      retriable: false,
      message: expect.stringMatching(words),
    })
    await expect(refused).rejects.toThrow(`Cannot use the embedded broker in ${root}`)
  }
  expect(readdirSync(root)).toEqual(['format'])
  expect(readFileSync(join(root, 'format'), 'utf8')).toBe(text)
})

test('a file where the directory should be is refused', async () => {
  writeFileSync(join(root, 'file'), '')
  for (const path of [join(root, 'file'), join(root, 'file', 'below')]) {
    await expect(resolveDirectory(path)).rejects.toThrow(
      `Cannot use the embedded broker in ${path}: it is a file or lies below one.`,
    )
  }
})
