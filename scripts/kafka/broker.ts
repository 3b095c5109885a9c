import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Keeper } from './keeper.js'
import type { NodeLayout } from './server-properties.js'

/** One Kafka server, which can be started again and again over the same messages. */
export class Broker {
  readonly node: NodeLayout
  /** What it has logged, warnings and worse, over all its runs. */
  readonly logFile: string
  readonly #command: readonly [string, ...string[]]
  readonly #keeper: Keeper
  #child: ChildProcess | undefined
  #isFrozen = false

  constructor(node: NodeLayout, { command, keeper }: BrokerOptions) {
    this.node = node
    this.logFile = join(node.folder, 'broker.log')
    this.#command = command
    this.#keeper = keeper
  }

  get id(): number {
    return this.node.id
  }

  /** `host:port` of a listener, the plain one unless named. Throws when it has none of that name. */
  address(listener = 'PLAINTEXT'): string {
    const port = this.node.ports[listener]
    if (port === undefined) throw new Error(`Kafka node ${this.id} has no listener "${listener}".`)
    return `127.0.0.1:${port}`
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Whether it runs and is not frozen. */
  get isAwake(): boolean {
    return this.#child !== undefined && !this.#isFrozen
  }

  /** Returns before it listens. Throws when it runs already. */
  start(): void {
    if (this.#child) throw new Error(`Cannot start Kafka node ${this.id}: it runs already.`)
    const log = openSync(this.logFile, 'a')
    const [program, ...words] = this.#command
    // A group of its own: Ctrl-C in a terminal must not end it before its owner does.
    const child = spawn(program, words, { detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    this.#child = child
    this.#isFrozen = false
    const { pid } = child
    if (pid !== undefined) this.#keeper.watch(pid)
    const end = (): void => {
      if (pid !== undefined) this.#keeper.forget(pid)
      if (this.#child === child) this.#child = undefined
    }
    child.once('exit', end)
    child.once('error', end)
  }

  /** Asks it to end, and kills it when it has not after `limitMs` milliseconds. */
  async stop(limitMs = 10_000): Promise<void> {
    const late = setTimeout(() => this.#signal('SIGKILL'), limitMs)
    this.thaw()
    this.#signal('SIGTERM')
    await this.ended()
    clearTimeout(late)
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#signal('SIGKILL')
    await this.ended()
  }

  /** Stops its time (SIGSTOP): connections stay open, nothing answers. Returns when none of its threads runs any more. */
  freeze(): void {
    this.#signal('SIGSTOP')
    this.#isFrozen = true
    for (let left = 1000; left > 0 && isRunning(this.#child?.pid); left--) Atomics.wait(nobody, 0, 0, 5)
  }

  thaw(): void {
    this.#signal('SIGCONT')
    this.#isFrozen = false
  }

  /** Resolves when it does not run, for whatever reason. */
  async ended(): Promise<void> {
    if (this.#child) await once(this.#child, 'exit')
  }

  /** The end of its log. */
  lastWords(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-20).join('\n')
  }

  #signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }
}

export interface BrokerOptions {
  /** What to run, and its arguments. */
  readonly command: readonly [string, ...string[]]
  readonly keeper: Keeper
}

const nobody = new Int32Array(new SharedArrayBuffer(4))

/** Whether a thread of a process is not stopped yet: on a busy machine that takes a moment. Told by Linux only. */
function isRunning(pid: number | undefined): boolean {
  const tasks = `/proc/${pid}/task`
  return existsSync(tasks) && readdirSync(tasks).some(task => !/\) [TtZX] /.test(stateOf(`${tasks}/${task}/stat`)))
}

function stateOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // The thread has ended meanwhile.
    return ') X '
  }
}
