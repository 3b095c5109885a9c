import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, main], { encoding: 'utf8' })

assert.equal(status, 0, stderr)
assert.equal(
  stdout,
  `a function:        4
an async function: 4
a function:        9
an async function: 9
whoever asks:      4 9
a topic:           [ 'three', 9 ] [ 'two', 4 ]
another key:       [ 'even', 4 ] [ 'odd', 9 ]
a channel:         4 9
another agent:     page 4 page 9
`,
)
