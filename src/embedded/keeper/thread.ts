import { Worker } from 'node:worker_threads'
import { type FaustError, TransportError } from '../../errors.js'
import { type Clock, waitAtMost } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import type { Logger } from '../../lib/log.js'
import { reviveError } from '../wire/wire-error.js'
import type { Assignment, Report } from './report.js'

/** A thread that serves a directory whenever nobody else does, as its process sees it. It keeps no process alive. */
export class Thread {
  /** Why it has ended, or is about to, if nobody told it to. */
  failure: FaustError | null = null
  /** What it is trying to get over. */
  trouble: FaustError | null = null
  readonly #directory: string
  readonly #log: () => Logger
  readonly #worker: Worker
  readonly #ended = new Deferred<void>()
  #news = new Deferred<void>()
  #isStopping = false

  constructor(directory: string, log: () => Logger) {
    this.#directory = directory
    this.#log = log
    this.#worker = start({ directory })
    this.#worker.on('message', (report: Report) => this.#hear(report))
    this.#worker.on('error', error => (this.failure = died(directory, error)))
    this.#worker.on('exit', () => this.#exited())
    // A listener would keep the process alive again.
    this.#worker.unref()
  }

  /** Resolves when the thread has something to say, or ends. */
  get news(): Promise<void> {
    return this.#news.promise
  }

  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Hands over what it serves, and ends. */
  async stop(clock: Clock): Promise<void> {
    this.#isStopping = true
    this.#worker.ref()
    this.#worker.postMessage('stop')
    if (await waitAtMost(clock, handoverLimitMs, this.ended)) return
    this.#log().warn({}, `The embedded broker in ${this.#directory} was not handed over in time: its thread is ended by force.`)
    await this.#worker.terminate()
  }

  #hear(report: Report): void {
    switch (report.type) {
      case 'log':
        return this.#log()[report.level](report.facts, report.message)
      case 'trouble':
        this.trouble = reviveError(report.error)
        break
      case 'failed':
        this.failure = reviveError(report.error)
        break
      case 'opening':
      case 'serving':
      case 'standing by':
        this.trouble = null
        break
    }
    this.#tell()
  }

  #exited(): void {
    if (!this.#isStopping) this.failure ??= died(this.#directory, null)
    this.#tell()
    this.#ended.resolve()
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = new Deferred()
  }
}

const handoverLimitMs = 10_000

function died(directory: string, error: Error | null): TransportError {
  const reason = error?.message ?? 'it ended by itself'
  return new TransportError(`The thread of the embedded broker in ${directory} has died: ${reason}`, {
    cause: error ?? undefined,
  })
}

function start(assignment: Assignment): Worker {
  const options = { workerData: assignment, execArgv: [], name: 'faust-keeper' }
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./keeper-thread.js', import.meta.url), options)
  // From its source it runs only with the loader that runs the source.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  const program = JSON.stringify(new URL('./keeper-thread.ts', import.meta.url))
  const load = `import(${loader}).then(({ register }) => (register(), import(${program})))`
  return new Worker(load, { ...options, eval: true })
}
