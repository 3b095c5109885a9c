// Events per second, and CPU per event, of `faust worker --processes n` for 1 and 2: an agent that is busy with each event.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { App, unchecked } from 'faust-ts'
import type { Connection } from 'faust-ts/transport'
import { alternate, median, print } from './parts/measure.js'
import { withProgram, workerOf } from './parts/worker-process.js'

interface Rate {
  readonly perSecond: number
  /** µs of all processes, the broker's thread with them. */
  readonly cpu: number
}

const events = 300_000
const all = Array.from({ length: 8 }, (_, partition) => ({ topic: 'work', partition }))

async function rateOf(processes: number): Promise<Rate> {
  const folder = mkdtempSync(join(tmpdir(), 'faust-bench-'))
  const broker = `embedded:${folder}`
  await fill(broker)
  const args = [...workerOf('scaling-app.mjs'), '--processes', String(processes)]
  try {
    return await withProgram({ args, env: { FAUST_BROKER: broker } }, async ({ child }) => {
      const connection = await new App('bench-watch', { broker }).connect()
      // Not from the start: processes take their time to come up.
      const begin = await reached(connection, events * 0.2, child.pid!)
      const end = await reached(connection, events * 0.9, child.pid!)
      await connection.close()
      const done = end.count - begin.count
      // Its children serve the directory: they are to end before that goes.
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
      return { perSecond: (done * 1000) / (end.ms - begin.ms), cpu: (end.cpuUs - begin.cpuUs) / done }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fill(broker: string): Promise<void> {
  await using app = new App('bench-fill', { broker, partitions: 8 })
  const work = app.topic('work', { value: unchecked<{ n: number }>() })
  for (let n = 0; n < events; n++) {
    const sent = work.send({ n }, { partition: n % 8 })
    if (n % 10_000 === 9999) await sent
  }
}

/** The first time that so much is committed. */
async function reached(
  connection: Connection,
  least: number,
  pid: number,
): Promise<{ count: number; ms: number; cpuUs: number }> {
  for (;;) {
    const offsets = await connection.admin.groupOffsets('bench-scaling')
    const count = offsets.reduce((sum, { offset }) => sum + offset, 0)
    if (count >= least) return { count, ms: performance.now(), cpuUs: cpuUs(pid) }
    await sleep(20)
  }
}

/** User and system time of a process and its children. Linux only: in hundredths of a second. */
function cpuUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const children = readdirSync(`/proc/${pid}/task`).flatMap(thread =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return (Number(fields[11]) + Number(fields[12])) * 10_000 + children.reduce((sum, child) => sum + cpuUs(child), 0)
}

const samples = await alternate({ variants: { '1 process': () => rateOf(1), '2 processes': () => rateOf(2) } })

print({
  title: `scaling: ${all.length} partitions, embedded`,
  rows: Object.entries(samples),
  columns: {
    variant: ([name]) => name,
    'k events/s': ([, own]) => (median(own.map(({ perSecond }) => perSecond)) / 1000).toFixed(1),
    'CPU µs': ([, own]) => median(own.map(({ cpu }) => cpu)).toFixed(1),
    'of one': ([, own]) =>
      `${median(own.map(({ perSecond }, round) => perSecond / samples['1 process']![round]!.perSecond)).toFixed(2)} ×`,
  },
})
