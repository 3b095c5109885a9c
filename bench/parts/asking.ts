// What both askers do: one at a time, then 256 under way.
import type { AskSample } from '../ask.js'

const [warmUp, alone, together, underWay] = [2000, 1000, 100_000, 256]

// Whoever waits for the embedded broker keeps no process alive.
setInterval(() => {}, 1e9)

export async function measureAsks(ask: (n: number) => Promise<unknown>): Promise<AskSample> {
  const first = await timed(() => ask(0))
  await many(ask, warmUp)
  const times: number[] = []
  for (let n = 0; n < alone; n++) times.push(await timed(() => ask(n)))
  times.sort((a, b) => a - b)
  const cpu = process.cpuUsage()
  const ms = await timed(() => many(ask, together))
  const used = process.cpuUsage(cpu)
  return {
    p50: times[alone * 0.5]!,
    p99: times[alone * 0.99]!,
    first,
    perSecond: together / (ms / 1000),
    cpu: (used.user + used.system) / together,
  }
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

async function many(ask: (n: number) => Promise<unknown>, count: number): Promise<void> {
  let next = 0
  const askOn = async (): Promise<void> => {
    while (next < count) await ask(next++)
  }
  await Promise.all(Array.from({ length: underWay }, askOn))
}
