// A request to an agent in another process and its answer: one at a time, and 256 under way; against two bare clients of the
// same broker with a topic for requests and one for replies. `--broker embedded | kafka`.
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onBroker, openBroker } from './parts/bench-broker.js'
import { alternate, median, print } from './parts/measure.js'

/** What one process of askers found. */
export interface AskSample {
  readonly p50: number
  readonly p99: number
  /** Of the first ask after the process had connected, in milliseconds. */
  readonly first: number
  readonly perSecond: number
  /** µs of CPU of the asking process per ask, 256 under way. */
  readonly cpu: number
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

async function trial(kind: 'bare' | 'agent'): Promise<AskSample> {
  const broker = openBroker()
  const children: ChildProcess[] = []
  const start = (part: string): ChildProcess => {
    const child = fork(here(`parts/${part}.ts`), [broker.url, broker.suffix])
    children.push(child)
    return child
  }
  try {
    await message(start(`ask-${kind}-server`))
    return (await message(start(`ask-${kind}-client`))) as AskSample
  } finally {
    await Promise.all(children.map(ended))
    await broker.remove()
  }
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', code => reject(new Error(`A part of the benchmark ended with exit code ${code}.`)))
  })
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

let samples: Record<string, AskSample[]> = {}
await onBroker(async () => {
  samples = await alternate({ variants: { 'bare clients': () => trial('bare'), 'agent.ask': () => trial('agent') } })
})
const column = (own: readonly AskSample[], name: keyof AskSample): number => median(own.map(sample => sample[name]))

print({
  title: 'ask: an agent in another process',
  rows: Object.entries(samples),
  columns: {
    variant: ([name]) => name,
    'p50 ms': ([, own]) => column(own, 'p50').toFixed(2),
    'p99 ms': ([, own]) => column(own, 'p99').toFixed(2),
    'first ms': ([, own]) => column(own, 'first').toFixed(0),
    'k/s, 256 under way': ([, own]) => (column(own, 'perSecond') / 1000).toFixed(1),
    'CPU µs': ([, own]) => column(own, 'cpu').toFixed(1),
    'p50 of bare': ([, own]) => `${median(own.map(({ p50 }, round) => p50 / samples['bare clients']![round]!.p50)).toFixed(2)} ×`,
  },
})
