import { styleText } from 'node:util'
import type { Session } from './session.js'

/** How a table shows rows: the title of each column, and what stands in it. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => string | number>>

/** Prints rows as a table, or with `--json` as one JSON array of them. */
export function printTable<Row>(session: Session, rows: readonly Row[], columns: Columns<Row>): void {
  const { terminal, globals } = session
  if (globals.json === true) return terminal.print(JSON.stringify(rows))
  const [head, ...lines] = tableLines(rows, columns, terminal.isInteractive ? terminal.width : Infinity)
  terminal.print([terminal.isInteractive ? styleText('bold', head ?? '') : head, ...lines].join('\n'))
}

/** Columns as wide as their widest cell, numbers to the right; what does not fit into `width` is cut. */
export function tableLines<Row>(rows: readonly Row[], columns: Columns<Row>, width: number): string[] {
  const titles = Object.keys(columns)
  const cells = rows.map(row => Object.values(columns).map(cell => cell(row)))
  const all = [titles, ...cells].map(line => line.map(inOneLine))
  const widths = titles.map((_, column) => Math.max(...all.map(line => line[column]?.length ?? 0)))
  const isNumeric = titles.map((_, column) => cells.length > 0 && cells.every(line => typeof line[column] === 'number'))
  return all.map(line => {
    const padded = line.map((cell, column) =>
      isNumeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    )
    const text = padded.join('  ').trimEnd()
    return text.length <= width ? text : `${text.slice(0, width - 1)}…`
  })
}

function inOneLine(cell: string | number): string {
  const text = String(cell).replace(/[\s\p{Cc}]+/gu, ' ')
  return text === '' ? '-' : text
}
