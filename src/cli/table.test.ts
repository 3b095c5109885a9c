import { expect, test } from 'vitest'
import { tableLines, type Columns } from './table.js'

interface Row {
  readonly name: string
  readonly count: number
  readonly note: string
}

const columns: Columns<Row> = { name: ({ name }) => name, count: ({ count }) => count, note: ({ note }) => note }
const rows: readonly Row[] = [
  { name: 'orders', count: 7, note: 'first\nsecond' },
  { name: 'a', count: 1200, note: '' },
]

test('columns are as wide as their cells, numbers stand to the right, every row is one line', () => {
  expect(tableLines(rows, columns, Infinity)).toEqual(['name    count  note', 'orders      7  first second', 'a        1200  -'])
})

test('what does not fit is cut', () => {
  expect(tableLines(rows, columns, 20)[1]).toBe('orders      7  firs…')
})

test('without rows only the titles are left', () => {
  expect(tableLines([], columns, 80)).toEqual(['name  count  note'])
})
