// The broker that a variant runs on: `memory` unless `--broker` says otherwise, and empty each time.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** An empty broker; `remove` takes its files away. */
export interface BenchBroker {
  readonly url: string
  remove(): void
}

const { values: options } = parseArgs({ options: { broker: { type: 'string' } }, strict: false })

/** Also that of the processes which this one starts. */
export const brokerKind: string = String(options.broker ?? process.env['BENCH_BROKER'] ?? 'memory')
process.env['BENCH_BROKER'] = brokerKind

let opened = 0

export function openBroker(): BenchBroker {
  if (brokerKind === 'memory') return { url: `memory:${opened++}`, remove: () => undefined }
  if (brokerKind !== 'embedded' && brokerKind !== 'embedded-fsync') throw new Error(`There is no broker "${brokerKind}".`)
  const folder = mkdtempSync(join(tmpdir(), 'faust-bench-'))
  return {
    url: `embedded:${folder}${brokerKind === 'embedded-fsync' ? '?fsync=true' : ''}`,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
