// Runs each example the way a reader would, against the built library: twice in one folder, since a second run goes on where the first has stopped.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const limitMs = 90_000
const folder = fileURLToPath(new URL('../examples/', import.meta.url))
const runs = ['first', 'second'] as const

interface Outcome {
  readonly problem: string | undefined
  readonly output: string
}

/** Starts `file` through tsx. Its whole process group ends with it, so that no worker outlives its example. */
function run(file: string, cwd: string): Promise<Outcome> {
  return new Promise(resolve => {
    const words = ['--import', import.meta.resolve('tsx'), file]
    const child = spawn(process.execPath, words, { cwd, detached: true, env: withoutOptions() })
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
      child.once('close', () => resolve({ problem: code === 0 ? undefined : ending, output }))
    })
  })
}

/** The examples choose their broker themselves, whatever the shell says. */
function withoutOptions(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FAUST_')))
}

/** Runs an example until something is wrong; returns what, and in which run. */
async function check(name: string): Promise<Outcome> {
  const file = ['check.ts', 'main.ts'].map(entry => join(folder, name, entry)).find(existsSync)
  if (file === undefined) return { problem: 'has neither check.ts nor main.ts', output: '' }
  const cwd = mkdtempSync(join(tmpdir(), 'faust-example-'))
  try {
    for (const which of runs) {
      const { problem, output } = await run(file, cwd)
      if (problem !== undefined) return { problem: `its ${which} run ${problem}`, output }
    }
    return { problem: undefined, output: '' }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

const names = existsSync(folder)
  ? readdirSync(folder)
      .filter(name => /^\d\d-/.test(name))
      .sort()
  : []
let passed = 0
let failed = 0
for (const name of names) {
  const started = performance.now()
  const { problem, output } = await check(name)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (problem === undefined) passed++
  else failed++
  console.log(problem === undefined ? `ok   ${name} ${seconds} s` : `FAIL ${name} ${seconds} s: ${problem}\n${output}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
