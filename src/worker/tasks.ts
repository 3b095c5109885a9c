import type { Host } from '../channel/host.js'
import { TaskBody } from './body.js'
import type { Leadership } from './leader.js'

export interface TaskDeclaration {
  readonly name: string
  readonly onLeader: boolean
  readonly run: (signal: AbortSignal) => Promise<void>
}

export interface TasksOptions {
  readonly host: Host
  readonly leadership: Leadership
  readonly isScoped: boolean
}

/** Runs tasks for the worker's life, or for as long as it leads; a task that fails stops the worker. */
export class Tasks {
  readonly bodies: Set<TaskBody> = new Set()
  readonly #options: TasksOptions
  readonly #stopping = new AbortController()
  readonly #running = new Map<TaskDeclaration, Promise<void>>()

  constructor(options: TasksOptions) {
    this.#options = options
  }

  start(declarations: readonly TaskDeclaration[]): void {
    for (const declaration of declarations) if (!declaration.onLeader) this.#run(declaration, this.#stopping.signal)
    const led = declarations.filter(({ onLeader }) => onLeader)
    if (led.length === 0) return
    const { leadership } = this.#options
    const take = (isLeader: boolean): void => {
      if (isLeader) for (const declaration of led) this.#lead(declaration, leadership.signal())
    }
    leadership.onChange(take)
    take(leadership.isLeader)
  }

  /** Signals them and ends their streams; resolves when all have ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const body of this.bodies) body.end()
    await Promise.all(this.#running.values())
  }

  /** Those that have not ended, in words. */
  get running(): readonly string[] {
    return [...this.#running.keys()].map(({ name }) => `task "${name}"`)
  }

  /** What it did in the term before must have ended. */
  #lead(declaration: TaskDeclaration, term: AbortSignal): void {
    if (term.aborted || this.#stopping.signal.aborted) return
    const before = this.#running.get(declaration)
    if (before === undefined) this.#run(declaration, term)
    else void before.then(() => this.#lead(declaration, term))
  }

  #run(declaration: TaskDeclaration, signal: AbortSignal): void {
    const { name, run } = declaration
    const { host, isScoped } = this.#options
    const body = new TaskBody(host, name)
    this.bodies.add(body)
    const end = (): void => body.end()
    signal.addEventListener('abort', end)
    const running = body
      .run(() => run(signal), isScoped)
      .catch((error: unknown) => {
        if (signal.aborted) host.log.warn({ task: name, error }, `Task "${name}" failed while it was being stopped`)
        else host.fail(error)
      })
      .finally(() => {
        signal.removeEventListener('abort', end)
        this.bodies.delete(body)
        this.#running.delete(declaration)
      })
    this.#running.set(declaration, running)
  }
}
