import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'faust-ts'
import { expect, test } from 'vitest'
import { systemRandom } from '../../src/lib/random.js'
import { Fleet } from '../fixtures/kills/fleet.js'

/** `FAUST_KILLS_SECONDS=600` for a long run, `FAUST_KILLS_SEED` to repeat one. */
const seconds = Number(process.env['FAUST_KILLS_SECONDS'] ?? 20)
const seed = Number(process.env['FAUST_KILLS_SEED'] ?? Math.floor(systemRandom.next() * 2 ** 31))
const timeout = seconds * 1000 + 120_000

test(`${seconds} s of SIGKILL among four processes lose nothing (seed ${seed})`, { timeout }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faust-kills-'))
  try {
    const broker = `embedded:${folder}`
    const app = new App('kills-watch', { broker })
    const findings = await new Fleet({ broker, workers: 3, seed, runMs: seconds * 1000 }).run(() => app.connect())
    console.log(JSON.stringify({ seed, ...findings }))
    expect(findings.problems).toEqual([])
    expect(findings.kills).toBeGreaterThan(3)
    expect(findings.acknowledged).toBeGreaterThan(100)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
