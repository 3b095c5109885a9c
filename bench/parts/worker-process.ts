// Starts programs as a user does, each in an empty working directory: `faust worker`, and plain Node beside it.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const { values: options } = parseArgs({ options: { broker: { type: 'string', default: 'memory:' } }, strict: false })

export const brokerName = String(options.broker)

/** Arguments of Node for a worker of an app in `fixtures/`. */
export const workerOf = (app: string): string[] => [here('../../bin/faust.js'), '-A', here(`../fixtures/${app}`), 'worker']

/** A running program and the folder it works in. */
export class Program {
  readonly child: ChildProcess
  readonly #folder = mkdtempSync(join(tmpdir(), 'faust-bench-'))
  readonly #started = performance.now()
  readonly #exited: Promise<string>
  #errors = ''

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, args, {
      cwd: this.#folder,
      env: { ...process.env, FAUST_BROKER: brokerName, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stderr!.on('data', (chunk: Buffer) => void (this.#errors += chunk.toString()))
    this.#exited = new Promise(resolve => {
      this.child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    })
  }

  /** Milliseconds from the start to the first line of output. */
  firstLine(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.child.stdout!.once('data', () => resolve(performance.now() - this.#started))
      this.child.once('close', () => reject(new Error(`It ended before it printed a line.\n${this.#errors}`)))
    })
  }

  /** Milliseconds from the start to the end. */
  async end(): Promise<number> {
    const ending = await this.#exited
    if (ending !== 'exit code 0') throw new Error(`It ended with ${ending}.\n${this.#errors}`)
    return performance.now() - this.#started
  }

  /** Resident memory of the program and what it has started, in MiB. Linux only. */
  residentMemory(): number {
    return tree(this.child.pid!).reduce((sum, pid) => sum + residentKiB(pid), 0) / 1024
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.#exited
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Starts a program, lets `use` look at it, and stops it whatever happens. */
export async function withProgram<Result>(
  { args, env }: { args: readonly string[]; env?: Record<string, string> },
  use: (program: Program) => Promise<Result>,
): Promise<Result> {
  const program = new Program(args, env)
  try {
    return await use(program)
  } finally {
    await program.stop()
  }
}

function tree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap(thread =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(tree)]
}

const residentKiB = (pid: number): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
