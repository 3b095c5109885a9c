// Resident memory of a worker that has nothing to do, beside a Node that does nothing. Linux only.
import { setTimeout as sleep } from 'node:timers/promises'
import { alternate, median, print } from './parts/measure.js'
import { brokerName, withProgram, workerOf, type Program } from './parts/worker-process.js'

interface MemoryRow {
  readonly variant: string
  readonly mib: number
  readonly worst: number
  readonly more: number
}

const idleMs = 2000
const plain = 'node'

async function whenIdle(program: Program): Promise<number> {
  await program.firstLine()
  await sleep(idleMs)
  return program.residentMemory()
}

const afterFirstEvent = (app: string) => (): Promise<number> =>
  withProgram({ args: workerOf(app), env: { BENCH_STAY: '1' } }, whenIdle)

const samples = await alternate({
  variants: {
    [plain]: () => withProgram({ args: ['-e', 'console.log("up"); setInterval(() => {}, 1e9)'] }, whenIdle),
    'compiled app': afterFirstEvent('start-app.mjs'),
    'TypeScript app': afterFirstEvent('start-app.ts'),
  },
})

print<MemoryRow>({
  title: `memory: ${idleMs / 1000} s after the first event, broker ${brokerName}, MiB with child processes`,
  rows: Object.entries(samples).map(([variant, own]) => ({
    variant,
    mib: median(own),
    worst: Math.max(...own),
    more: median(own.map((mib, round) => mib - samples[plain]![round]!)),
  })),
  columns: {
    variant: row => row.variant,
    resident: row => row.mib.toFixed(0),
    worst: row => row.worst.toFixed(0),
    'more than node': row => row.more.toFixed(0),
  },
})
