// Runs the command line from its source, in a process of its own.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Surroundings {
  /** Default test/cli. */
  readonly cwd?: string
  readonly env?: Record<string, string>
  /** When it is killed; default 18 s. */
  readonly limitMs?: number
}

/** Sends each signal, or does whatever it is, once its words have been written; one after the other. */
type Cues = readonly (readonly [after: string | RegExp, act: NodeJS.Signals | ((written: string) => void)])[]

/** One call of `faust`, to its end. */
export async function faust(words: readonly string[], surroundings: Surroundings & { signals?: Cues } = {}): Promise<Outcome> {
  const program = new Program(words, surroundings)
  for (const [after, act] of surroundings.signals ?? []) {
    if (!(await program.says(after))) break
    if (typeof act === 'string') program.kill(act)
    else act(program.written)
  }
  return await program.ended
}

/** A call of `faust` while it runs. */
export class Program implements AsyncDisposable {
  readonly ended: Promise<Outcome>
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Set<() => void>()
  #stdout = ''
  #stderr = ''
  #isOver = false

  constructor(words: readonly string[], { cwd = here, env = {}, limitMs = 18_000 }: Surroundings = {}) {
    const loader = ['--conditions=faust-ts:source', '--import', import.meta.resolve('tsx')]
    const child = spawn(process.execPath, [...loader, main, ...words], { cwd, env: { ...cleanEnvironment(), ...env } })
    this.#child = child
    child.stdout.on('data', (chunk: Buffer) => ((this.#stdout += chunk.toString()), this.#look()))
    child.stderr.on('data', (chunk: Buffer) => ((this.#stderr += chunk.toString()), this.#look()))
    this.ended = new Promise((resolve, reject) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
      child.once('error', reject)
      child.once('close', code => {
        clearTimeout(timer)
        this.#isOver = true
        this.#look()
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
  }

  /** What it has written so far. */
  get written(): string {
    return this.#stdout + this.#stderr
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Resolves to true when that has been written, to false when it has ended without. */
  says(words: string | RegExp): Promise<boolean> {
    const isSaid = (): boolean => (typeof words === 'string' ? this.written.includes(words) : words.test(this.written))
    return new Promise(resolve => {
      const look = (): void => {
        if (!isSaid() && !this.#isOver) return
        this.#waiting.delete(look)
        resolve(isSaid())
      }
      this.#waiting.add(look)
      look()
    })
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Whatever a test leaves running ends with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) this.kill('SIGKILL')
    await this.ended
  }

  #look(): void {
    for (const look of this.#waiting) look()
  }
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, npm_command: _npm, ...environment } = process.env
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('FAUST_')))
}
