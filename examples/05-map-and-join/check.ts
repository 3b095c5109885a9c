import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, main], { encoding: 'utf8' })

assert.equal(status, 0, stderr)
assert.equal(
  stdout,
  `join:   1 4 9 16 25 36 49 64
kvjoin: 1 4 9 16 25 36 49 64
map:    1 4 9 16 25 36 49 64
kvmap:  squares of 1, 2, 3 … add up to more than a million
`,
)
