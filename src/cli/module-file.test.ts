import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { moduleFile, parseTarget } from './module-file.js'

const folder = mkdtempSync(join(tmpdir(), 'faust-modules-'))
const files = [
  'app.ts',
  'services/app.mts',
  'services/index.ts',
  'plain.cjs',
  'deep/er/one.js',
  'v1.2.ts',
  'node_modules/shop/main.js',
]
for (const file of files) {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), '')
}
writeFileSync(join(folder, 'node_modules/shop/package.json'), '{"main":"main.js"}')
afterAll(() => rmSync(folder, { recursive: true }))

test('takes module and export apart', () => {
  expect(parseTarget('./app.ts')).toEqual({ module: './app.ts', exportName: undefined })
  expect(parseTarget('./app.ts:payments')).toEqual({ module: './app.ts', exportName: 'payments' })
  expect(parseTarget('C:\\shop\\app.ts')).toEqual({ module: 'C:\\shop\\app.ts', exportName: undefined })
  expect(parseTarget('C:\\shop\\app.ts:größe')).toEqual({ module: 'C:\\shop\\app.ts', exportName: 'größe' })
  expect(parseTarget('file:///shop/app.ts')).toEqual({ module: 'file:///shop/app.ts', exportName: undefined })
})

test.each([
  ['app', 'app.ts'],
  ['./app', 'app.ts'],
  ['./app.ts', 'app.ts'],
  ['app.js', 'app.ts'],
  ['services', 'services/app.mts'],
  ['services/index', 'services/index.ts'],
  ['plain', 'plain.cjs'],
  ['deep.er.one', 'deep/er/one.js'],
  ['v1.2', 'v1.2.ts'],
  ['shop', 'node_modules/shop/main.js'],
  [join(folder, 'app'), 'app.ts'],
  [pathToFileURL(join(folder, 'app.ts')).href, 'app.ts'],
])('finds %s', (module, file) => {
  expect(moduleFile(module, folder)).toBe(join(folder, file))
})

test('says everything that was tried', () => {
  expect(() => moduleFile('shops.one', folder)).toThrow(
    [
      `There is no module "shops.one". Tried, from ${folder}:`,
      '  ./shops.one',
      '  ./shops.one{.ts,.mts,.cts,.js,.mjs,.cjs}',
      '  ./shops.one/{app,index}{.ts,.mts,.cts,.js,.mjs,.cjs}',
      '  ./shops/one',
      '  ./shops/one{.ts,.mts,.cts,.js,.mjs,.cjs}',
      '  ./shops/one/{app,index}{.ts,.mts,.cts,.js,.mjs,.cjs}',
      '  the package "shops.one" (not installed)',
    ].join('\n'),
  )
  expect(() => moduleFile('events', folder)).toThrow(/a module of Node\.js itself/)
})
