// The harness: each variant in a process of its own, in alternating rounds; medians, and ratios within a round.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** What a variant made of its events. All variants of a question must agree on it. */
export interface Outcome {
  readonly events: number
  readonly outputs: number
  /** Of the outputs, whatever their order; only when the trial is checked. */
  readonly checksum?: number
}

export interface Trial {
  /** Asks for a checksum. Such a trial is not timed. */
  readonly checked: boolean
  /** Marks the end of the preparation, with how many events are still to come: all by default. Without it the time counts from the call. */
  start(left?: number): void
  /** Marks the end of the work. Without it the time counts to the answer. */
  end(): void
}

/** A variant: works through `events` events once. It is called several times in one process. */
export type Run = (events: number, trial: Trial) => Outcome | Promise<Outcome>

/** What one process found: µs per event, and what came out. */
export interface Sample {
  readonly cpu: number
  readonly wall: number
  /** `null` for a peer, which counts for itself. */
  readonly outcome: Outcome | null
}

/** A variant that is no `Run`: a program of somebody else that does the same kind of work. */
export type Peer = (events: number) => Promise<Sample>

export interface Comparison {
  readonly question: string
  /** Name of each variant and where it is: `file.ts#function` in this folder, a `Run`; or a peer. */
  readonly variants: Readonly<Record<string, string | Peer>>
  /** The variant that the others are measured against; the first by default. */
  readonly baseline?: string
  readonly rounds?: number
  readonly events?: number
}

export interface Row {
  readonly variant: string
  /** CPU µs (user and system, all threads) per event: the median of the rounds, and the best. */
  readonly cpu: number
  readonly bestCpu: number
  readonly wall: number
  readonly perSecond: number
  /** CPU of the baseline over CPU of this variant, the median of the rounds: 0.8 is 80 % of its speed. */
  readonly ratio: number
}

const minRounds = 5

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, rounds: { type: 'string' }, events: { type: 'string' } },
  strict: false,
})

/** Measures the variants in turn (A B A B …) and prints one table, or JSON with `--json`. */
export async function compare(comparison: Comparison): Promise<Row[]> {
  const rounds = Number(options.rounds ?? comparison.rounds ?? minRounds)
  const events = Number(options.events ?? comparison.events ?? 1_000_000)
  const { question, variants } = comparison
  const samples = await alternate({
    rounds,
    variants: mapValues(variants, variant => () => (typeof variant === 'string' ? measure(variant, events) : variant(events))),
  })
  checkOutcomes(samples)
  const baseline = samples[comparison.baseline ?? Object.keys(variants)[0]!]!
  const rows = Object.entries(samples).map(([variant, own]) => toRow(variant, own, baseline))
  print({ title: `${question}: ${events.toLocaleString('en')} events, ${rounds} rounds`, rows, columns: rateColumns })
  return rows
}

/** Calls each variant once per round, one after the other, and collects what they answer. */
export async function alternate<Result>({
  rounds = Number(options.rounds ?? minRounds),
  variants,
}: {
  rounds?: number
  variants: Readonly<Record<string, () => Promise<Result>>>
}): Promise<Record<string, Result[]>> {
  const results: Record<string, Result[]> = mapValues(variants, () => [])
  for (let round = 1; round <= rounds; round++) {
    for (const [name, run] of Object.entries(variants)) {
      showProgress(`round ${round} of ${rounds}: ${name}`)
      results[name]!.push(await run())
    }
  }
  showProgress('')
  return results
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}\x1b[K`)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** One table of rows with aligned columns, or everything as JSON with `--json`. */
export function print<R>(table: { title: string; rows: readonly R[]; columns: Record<string, (row: R) => string> }): void {
  const { title, rows, columns } = table
  if (options.json) {
    console.log(JSON.stringify({ title, node: process.version, rows }, null, 2))
    return
  }
  const lines = [Object.keys(columns), ...rows.map(row => Object.values(columns).map(show => show(row)))]
  const widths = Object.keys(columns).map((_, at) => Math.max(...lines.map(line => line[at]!.length)))
  const [head, ...body] = lines.map(line =>
    line.map((cell, at) => (at === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[at]!))).join('   '),
  )
  console.log([`${title}, Node ${process.version}`, '', head, head!.replace(/./g, '-'), ...body].join('\n'))
}

export const mapValues = <From, To>(from: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(from).map(([name, value]) => [name, change(value)]))

const rateColumns: Record<string, (row: Row) => string> = {
  variant: row => row.variant,
  'CPU µs': row => row.cpu.toFixed(2),
  best: row => row.bestCpu.toFixed(2),
  'wall µs': row => row.wall.toFixed(2),
  'k events/s': row => row.perSecond.toFixed(0),
  'of baseline': row => `${(100 * row.ratio).toFixed(0)} %`,
}

function toRow(variant: string, samples: readonly Sample[], baseline: readonly Sample[]): Row {
  const cpu = samples.map(sample => sample.cpu)
  const wall = median(samples.map(sample => sample.wall))
  return {
    variant,
    cpu: median(cpu),
    bestCpu: Math.min(...cpu),
    wall,
    perSecond: 1000 / wall,
    ratio: median(samples.map((sample, round) => baseline[round]!.cpu / sample.cpu)),
  }
}

function checkOutcomes(samples: Readonly<Record<string, readonly Sample[]>>): void {
  const found = Object.entries(samples).flatMap(([name, own]) =>
    own.flatMap(({ outcome }) => outcome ?? []).map(outcome => ({ name, outcome })),
  )
  const differs = found.find(({ outcome }) => JSON.stringify(outcome) !== JSON.stringify(found[0]!.outcome))
  if (!differs) return
  const show = ({ name, outcome }: (typeof found)[number]): string => `${name}: ${JSON.stringify(outcome)}`
  throw new Error(`The variants did not do the same work. ${show(found[0]!)}; ${show(differs)}`)
}

/** Runs `file.ts#function` in a fresh process with the flags of this one. */
function measure(place: string, events: number): Promise<Sample> {
  const child = fork(fileURLToPath(new URL('./measure-child.ts', import.meta.url)), [place, String(events)])
  return new Promise((resolve, reject) => {
    let sample: Sample | undefined
    child.on('message', message => void (sample = message as Sample))
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (sample) resolve(sample)
      else reject(new Error(`${place} ended with ${signal ?? `exit code ${code}`} before it had measured anything.`))
    })
  })
}
