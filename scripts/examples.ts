// Runs an example the way a reader would, against the built library: twice, since a second run goes on where the first has stopped.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const limitMs = 90_000
const folder = fileURLToPath(new URL('../examples/', import.meta.url))

/** What has become of an example. */
export interface Outcome {
  /** What is wrong, and in which run; undefined when nothing is. */
  readonly problem: string | undefined
  /** What the run printed that was wrong. */
  readonly output: string
}

/** The folders of all examples, in their order. */
export function exampleNames(): string[] {
  return readdirSync(folder)
    .filter(name => /^\d\d-/.test(name))
    .sort()
}

export interface CheckOptions {
  /** A URL; unless given the example chooses one itself. */
  readonly broker?: string | undefined
  /** How often it is run; 2 unless given. */
  readonly runs?: number
}

/** Runs an example until something is wrong. */
export async function checkExample(name: string, { broker, runs = 2 }: CheckOptions = {}): Promise<Outcome> {
  const file = ['check.ts', 'main.ts'].map(entry => join(folder, name, entry)).find(existsSync)
  if (file === undefined) return { problem: 'has neither check.ts nor main.ts', output: '' }
  const cwd = mkdtempSync(join(tmpdir(), 'faust-example-'))
  try {
    for (let number = 1; number <= runs; number++) {
      const { problem, output } = await run(file, cwd, broker)
      if (problem !== undefined) return { problem: `run ${number} of it ${problem}`, output }
    }
    return { problem: undefined, output: '' }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** Starts `file` through tsx. Its whole process group ends with it, so that no worker outlives its example. */
function run(file: string, cwd: string, broker: string | undefined): Promise<Outcome> {
  return new Promise(resolve => {
    const words = ['--import', import.meta.resolve('tsx'), file]
    const child = spawn(process.execPath, words, { cwd, detached: true, env: environment(broker) })
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

/** Nothing but the broker is chosen here, whatever the shell says. */
function environment(broker: string | undefined): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('FAUST_'))
  return { ...Object.fromEntries(others), ...(broker !== undefined && { FAUST_BROKER: broker }) }
}
