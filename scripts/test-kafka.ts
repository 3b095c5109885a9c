// `npm run test:kafka`: the suites against a real Apache Kafka, where one can be run.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { fetchDistribution, whatIsMissing } from './kafka/distribution.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const missing = whatIsMissing()

if (missing !== undefined) {
  console.log(`Kafka suites skipped: ${missing}`)
  console.log('0 passed, 0 failed')
} else {
  // Before the tests, whose time-outs do not allow for a download.
  await fetchDistribution()
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.kafka.config.ts', ...process.argv.slice(2)]
  process.exitCode = spawnSync(process.execPath, vitest, { cwd: root, stdio: 'inherit' }).status ?? 1
}
