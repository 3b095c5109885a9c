import { Cron } from 'croner'
import { OptionError } from '../errors.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import { publish, traces } from '../lib/trace.js'

export interface TimerDeclaration {
  readonly name: string
  readonly onLeader: boolean
  readonly run: (signal: AbortSignal) => unknown
  /** When it is due after a given time, in milliseconds since 1970; `null` for never again. */
  readonly next: (afterMs: number) => number | null
}

/** Due every so many milliseconds, counted from the start: the first tick comes after one interval. */
export function every(intervalMs: number): (afterMs: number) => number {
  return afterMs => afterMs + intervalMs
}

/** Due at the calendar times of a cron pattern, in a time zone (UTC unless named). Throws `OptionError`. */
export function atTimes(pattern: string, timezone: string | undefined, name: string): (afterMs: number) => number | null {
  try {
    const cron = new Cron(pattern, { timezone: timezone ?? 'UTC', paused: true })
    cron.nextRun()
    return afterMs => cron.nextRun(new Date(afterMs))?.getTime() ?? null
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new OptionError(
      `Crontab "${name}": cannot read at: '${pattern}'${timezone === undefined ? '' : `, timezone: '${timezone}'`}: ${why}`,
      {
        option: 'at',
        cause: error,
      },
    )
  }
}

export interface SchedulerOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly isLeader: () => boolean
  /** Fires when what runs on the leader must end: leadership is lost, or the worker stops. */
  readonly leaderSignal: () => AbortSignal
}

/** Runs timers and crontabs. A timer never overlaps itself; a tick that comes while it runs is skipped and counted. */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #stopping = new AbortController()
  readonly #timers = new Set<Timer>()
  readonly #running = new Map<TimerDeclaration, Promise<void>>()
  readonly late: Map<string, number> = new Map()

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  start(declarations: readonly TimerDeclaration[]): void {
    const now = this.#options.clock.now()
    for (const declaration of declarations) this.#schedule(declaration, declaration.next(now))
  }

  /** Signals those that run; resolves when they have ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    await Promise.all(this.#running.values())
  }

  /** Those that have not ended, in words. */
  get running(): readonly string[] {
    return [...this.#running.keys()].map(({ name }) => `timer "${name}"`)
  }

  #schedule(declaration: TimerDeclaration, dueMs: number | null): void {
    const { clock } = this.#options
    if (dueMs === null || this.#stopping.signal.aborted) return
    const tick = (): void => {
      this.#timers.delete(timer)
      // What a suspended machine has missed is not made up for.
      const next = declaration.next(dueMs)
      const isBehind = next !== null && next <= clock.now()
      this.#schedule(declaration, isBehind ? declaration.next(clock.now()) : next)
      this.#tick(declaration)
    }
    const timer = clock.after(Math.max(0, dueMs - clock.now()), tick, 'background')
    this.#timers.add(timer)
  }

  #tick(declaration: TimerDeclaration): void {
    if (declaration.onLeader && !this.#options.isLeader()) return
    if (this.#running.has(declaration)) return this.#skip(declaration.name)
    const running = this.#run(declaration).finally(() => this.#running.delete(declaration))
    this.#running.set(declaration, running)
  }

  /** A timer that fails is reported and runs again at its next time: it must not take the worker down. */
  async #run({ name, onLeader, run }: TimerDeclaration): Promise<void> {
    try {
      await run(onLeader ? this.#options.leaderSignal() : this.#stopping.signal)
    } catch (error) {
      const { log } = this.#options
      if (this.#stopping.signal.aborted) log.warn({ timer: name, error }, `Timer "${name}" failed while it was being stopped`)
      else log.error({ timer: name, error }, `Timer "${name}" failed; it runs again at its next time`)
    }
  }

  #skip(name: string): void {
    const skipped = (this.late.get(name) ?? 0) + 1
    this.late.set(name, skipped)
    this.#options.log.warn({ timer: name, skipped }, `Timer "${name}" is still running: this tick is skipped`)
    publish(traces.lateTick, () => ({ timer: name, skipped }))
  }
}
