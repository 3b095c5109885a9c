// From the command line to the first event, against a Node that does nothing. `--broker embedded:./.faust` for another broker.
import { alternate, median, print } from './parts/measure.js'
import { brokerName, withProgram, workerOf } from './parts/worker-process.js'

interface StartRow {
  readonly variant: string
  readonly ms: number
  readonly best: number
  /** Median of the differences to plain Node within a round. */
  readonly more: number
}

const plain = 'node -e 0'
const toFirstEvent = (app: string) => (): Promise<number> => withProgram({ args: workerOf(app) }, program => program.firstLine())

const samples = await alternate({
  variants: {
    [plain]: () => withProgram({ args: ['-e', '0'] }, program => program.end()),
    'compiled app': toFirstEvent('start-app.mjs'),
    'TypeScript app': toFirstEvent('start-app.ts'),
  },
})

print<StartRow>({
  title: `start: to the first event, broker ${brokerName}`,
  rows: Object.entries(samples).map(([variant, own]) => ({
    variant,
    ms: median(own),
    best: Math.min(...own),
    more: median(own.map((ms, round) => ms - samples[plain]![round]!)),
  })),
  columns: {
    variant: row => row.variant,
    ms: row => row.ms.toFixed(0),
    best: row => row.best.toFixed(0),
    'more than node': row => row.more.toFixed(0),
  },
})
