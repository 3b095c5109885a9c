import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, main], { encoding: 'utf8' })

assert.equal(status, 0, stderr)
assert.equal(stdout, 'Received: one\nReceived: two\nReceived: the last one\n')
