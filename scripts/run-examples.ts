// Runs each example the way a reader would, against the built library, in a working directory of its own.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const limitMs = 60_000
const folder = fileURLToPath(new URL('../examples/', import.meta.url))

interface Outcome {
  readonly problem: string | undefined
  readonly output: string
}

/** Starts `file` through tsx. Its whole process group ends with it, so that no worker outlives its example. */
function run(file: string): Promise<Outcome> {
  const cwd = mkdtempSync(join(tmpdir(), 'faust-example-'))
  return new Promise(resolve => {
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), file], { cwd, detached: true })
    let output = ''
    let timedOut = false
    const collect = (chunk: Buffer): void => void (output += chunk.toString())
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const killGroup = (): void => {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        // It has ended, and all that it started.
      }
    }
    const timer = setTimeout(() => {
      timedOut = true
      killGroup()
    }, limitMs)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      killGroup()
      const ending = timedOut ? `did not end within ${limitMs / 1000} s` : `ended with ${signal ?? `exit code ${code}`}`
      child.once('close', () => {
        rmSync(cwd, { recursive: true, force: true })
        resolve({ problem: code === 0 ? undefined : ending, output })
      })
    })
  })
}

const names = existsSync(folder)
  ? readdirSync(folder)
      .filter(name => /^\d\d-/.test(name))
      .sort()
  : []
let passed = 0
let failed = 0
for (const name of names) {
  const file = ['check.ts', 'main.ts'].map(entry => join(folder, name, entry)).find(existsSync)
  const started = performance.now()
  const { problem, output } = file ? await run(file) : { problem: 'has neither check.ts nor main.ts', output: '' }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (problem === undefined) passed++
  else failed++
  console.log(problem === undefined ? `ok   ${name} ${seconds} s` : `FAIL ${name} ${seconds} s: ${problem}\n${output}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
