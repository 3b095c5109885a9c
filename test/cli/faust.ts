// Runs the command line from its source, in a process of its own.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))
const limitMs = 18_000

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Surroundings {
  readonly cwd?: string
  readonly env?: Record<string, string>
  /** Sends each signal once its words have been written. */
  readonly signals?: readonly (readonly [after: string, signal: NodeJS.Signals])[]
}

/** One call of `faust`, from test/cli unless said otherwise. */
export function faust(words: readonly string[], { cwd = here, env = {}, signals = [] }: Surroundings = {}): Promise<Outcome> {
  const loader = ['--conditions=faust-ts:source', '--import', import.meta.resolve('tsx')]
  const child = spawn(process.execPath, [...loader, main, ...words], { cwd, env: { ...cleanEnvironment(), ...env } })
  let [stdout, stderr] = ['', '']
  const due = [...signals]
  const look = (): void => {
    if (due[0] === undefined || !(stdout + stderr).includes(due[0][0])) return
    child.kill(due.shift()?.[1])
    look()
  }
  child.stdout.on('data', (chunk: Buffer) => ((stdout += chunk.toString()), look()))
  child.stderr.on('data', (chunk: Buffer) => ((stderr += chunk.toString()), look()))
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
    child.once('error', reject)
    child.once('close', code => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
  })
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, npm_command: _npm, ...environment } = process.env
  return environment
}
