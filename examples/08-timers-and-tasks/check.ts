import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, main], { encoding: 'utf8' })

assert.equal(status, 0, stderr)
const lines = stdout.trim().split('\n')
assert.equal(lines.pop(), 'the task ends: it was told to, the sum of the readings is 63')
assert.deepEqual(lines.sort(), ['seen: crontab', 'seen: flaky', 'seen: heartbeat 3', 'seen: leader'])
