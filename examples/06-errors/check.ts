import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, main], { encoding: 'utf8' })

assert.equal(status, 0, stderr)
assert.equal(
  stdout.replace(/@\d+/, '@0'),
  `rent: booked 900
Agent "booking" failed on the request: RangeError: typo: cannot book -1
dead letter of bob, attempts 4: RangeError: typo: cannot book -1
dead letter of carol, attempts 1: DecodeError: Cannot decode the value of "payments"[2]@0: expected number at "amount", got string
`,
)
