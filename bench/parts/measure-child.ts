// One variant in one process: check, warm up, measure, tell the parent.
import type { Outcome, Run, Sample, Trial } from './measure.js'

const warmUpMs = 700
const warmUpEvents = 100_000
const checkedEvents = 20_000

const [place = '', count = ''] = process.argv.slice(2)
const events = Number(count)
const [file, name = 'run'] = place.split('#')
const variants = (await import(new URL(file!, import.meta.url).href)) as Record<string, Run>
const run = variants[name]
if (!run) throw new Error(`${file} has no function "${name}".`)

// A reader that waits keeps no process alive.
setInterval(() => {}, 1e9)

const untimed = (checked: boolean): Trial => ({ checked, start: () => {}, end: () => {} })
const { checksum } = await run(Math.min(checkedEvents, events), untimed(true))
const end = performance.now() + warmUpMs
while (performance.now() < end) await run(Math.min(warmUpEvents, events), untimed(false))
const sample = await time(run, events)
process.send!({ ...sample, outcome: { ...sample.outcome, checksum } }, () => process.exit())

async function time(measured: Run, count: number): Promise<Sample> {
  let begin = reading()
  let end: Reading | undefined
  let measuredEvents: number | undefined
  const start = (left?: number): void => {
    measuredEvents = left
    begin = reading()
  }
  const outcome: Outcome = await measured(count, { checked: false, start, end: () => void (end = reading()) })
  const { cpu, wall } = end ?? reading()
  const among = measuredEvents ?? outcome.events
  return { cpu: (cpu - begin.cpu) / among, wall: (wall - begin.wall) / among, outcome: pick(outcome) }
}

/** Microseconds. */
interface Reading {
  readonly cpu: number
  readonly wall: number
}

function reading(): Reading {
  const { user, system } = process.cpuUsage()
  return { cpu: user + system, wall: performance.now() * 1000 }
}

/** Only what the variants can be compared by. */
function pick({ events: handled, outputs }: Outcome): Outcome {
  return { events: handled, outputs }
}
