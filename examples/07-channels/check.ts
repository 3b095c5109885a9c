import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, main], { encoding: 'utf8' })

assert.equal(status, 0, stderr)
assert.match(stdout, /^paged somebody: the last one\n21 handled, 21 logged; the sender was never more than [1-4] ahead\n$/)
