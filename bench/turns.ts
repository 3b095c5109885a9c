// How long a full queue holds the event loop: the gaps between turns while the river works through a backlog.
import { createHistogram } from 'node:perf_hooks'
import { run } from './parts/stateless-river.js'

const events = 1_000_000
const rounds = 5

const ignore = (): void => undefined
await run(100_000, { checked: false, start: ignore, end: ignore })
const gaps = createHistogram()
for (let round = 0; round < rounds; round++) {
  let isOver = false
  let last = 0n
  const turn = (): void => {
    const now = process.hrtime.bigint()
    if (last > 0n) gaps.record(now - last)
    last = now
    if (!isOver) setImmediate(turn)
  }
  await run(events, { checked: false, start: turn, end: ignore })
  isOver = true
}

const ms = (nanoseconds: number): string => (nanoseconds / 1e6).toFixed(2).padStart(8)
console.log(
  `turns: ${rounds} × ${events.toLocaleString('en')} events waiting in a queue, Node ${process.version}, ${gaps.count} turns\n`,
)
for (const percentile of [50, 90, 99, 99.9]) console.log(`p${percentile}`.padEnd(6), ms(gaps.percentile(percentile)), 'ms')
console.log('max'.padEnd(6), ms(gaps.max), 'ms')
