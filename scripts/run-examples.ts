// `npm run examples`: all of them, or those that are named, on the broker that they choose themselves or on one by `--broker <url>`.
import { parseArgs } from 'node:util'
import { checkExample, exampleNames } from './examples.js'

const { values, positionals } = parseArgs({ options: { broker: { type: 'string' } }, allowPositionals: true })
const isWanted = (name: string): boolean => positionals.length === 0 || positionals.some(word => name.includes(word))
let passed = 0
let failed = 0
for (const name of exampleNames().filter(isWanted)) {
  const started = performance.now()
  const { problem, output } = await checkExample(name, values)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (problem === undefined) passed++
  else failed++
  console.log(problem === undefined ? `ok   ${name} ${seconds} s` : `FAIL ${name} ${seconds} s: ${problem}\n${output}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
