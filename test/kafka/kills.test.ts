import { setTimeout as sleep } from 'node:timers/promises'
import { App } from 'faust-ts'
import { expect, inject, test } from 'vitest'
import { systemRandom } from '../../src/lib/random.js'
import type { Connection } from '../../src/transport/transport.js'
import { Fleet, type FleetOptions } from '../fixtures/kills/fleet.js'
import { startCluster } from './cluster.js'

/** `FAUST_KILLS_SECONDS=600` for a long run, `FAUST_KILLS_SEED` to repeat one. */
const seconds = Number(process.env['FAUST_KILLS_SECONDS'] ?? 25)
const seed = Number(process.env['FAUST_KILLS_SEED'] ?? Math.floor(systemRandom.next() * 2 ** 31))
const timeout = seconds * 1000 + 150_000

test(`${seconds} s of SIGKILL among four processes lose nothing (seed ${seed})`, { timeout }, async () => {
  await flow(inject('kafka'))
})

test(`nor do they when the broker is bounced half-way (seed ${seed})`, { timeout }, async () => {
  await using cluster = await startCluster()
  await flow(cluster.bootstrap(), { halfWay: () => cluster.bounce(1) })
})

async function flow(bootstrap: string, options: Partial<FleetOptions> = {}): Promise<void> {
  const broker = `kafka://${bootstrap}`
  const app = new App('kills-watch', { broker })
  const fleet = new Fleet({ broker, workers: 3, seed, runMs: seconds * 1000, ...options })
  const findings = await fleet.run(() => insist(() => app.connect()))
  console.log(JSON.stringify({ seed, ...findings }))
  expect(findings.problems).toEqual([])
  // How many a loaded machine manages is its affair: each round of kills was followed by commits in every partition.
  expect(findings.kills).toBeGreaterThan(1)
  expect(findings.acknowledged).toBeGreaterThan(40)
}

/** A broker that is just being bounced cannot be connected to. */
async function insist(connect: () => Promise<Connection>): Promise<Connection> {
  const deadline = performance.now() + 60_000
  for (;;) {
    try {
      return await connect()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(200)
    }
  }
}
