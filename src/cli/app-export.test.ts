import { expect, test } from 'vitest'
import { App } from '../index.js'
import { pickApp } from './app-export.js'

const one = new App('one')
const two = new App('two')

function pick(module: Record<string, unknown>, exportName?: string): App {
  return pickApp(module, { file: 'shop.ts', exportName })
}

test('picks the export named, else app, else the only App', () => {
  expect(pick({ app: one, two })).toBe(one)
  expect(pick({ app: one, two }, 'two')).toBe(two)
  expect(pick({ orders: 1, two })).toBe(two)
  expect(pick({ app: 'no app', two })).toBe(two)
  expect(pick({ default: one })).toBe(one)
  expect(pick({ default: one, shop: one })).toBe(one)
})

test('sees through the default of a CommonJS module', () => {
  expect(pick({ default: { app: one, two } })).toBe(one)
  expect(() => pick({ default: { __esModule: true, default: one, two } })).toThrow(/several apps/)
})

test('takes an App of another copy of the library, but not of another version', () => {
  const copy = { id: 'copy', ...methods('agent', 'topic', 'start', 'connect', 'describe', 'override', 'remote') }
  expect(pick({ copy })).toBe(copy)
  expect(() => pick({ old: { id: 'old', ...methods('agent', 'topic', 'start') } })).toThrow(/made by another version of faust-ts/)
})

test('says what is there instead', () => {
  expect(() => pick({})).toThrow('shop.ts exports no App. It exports nothing.')
  expect(() => pick({ orders: [], run: () => 1 })).toThrow('shop.ts exports no App. It exports orders (Array), run (function).')
  expect(() => pick({ one, two })).toThrow('shop.ts exports several apps: one, two. Say which: -A shop.ts:one')
  expect(() => pick({ payments: one }, 'payment')).toThrow(
    'shop.ts has no export "payment". Did you mean "payments"? It exports payments (App).',
  )
  expect(() => pick({ orders: 'x' }, 'orders')).toThrow('The export "orders" of shop.ts is no App (string).')
})

function methods(...names: string[]): object {
  return Object.fromEntries(names.map(name => [name, () => undefined]))
}
