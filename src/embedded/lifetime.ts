import { ClosedError, type FaustError } from '../errors.js'
import type { Clock, Timer, TimerKind } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import type { Random } from '../lib/random.js'
import type { ConnectionContext } from '../transport/transport.js'

/** From a connection's first breath to its last: every turn, timer and part of it ends here. */
export class Lifetime {
  readonly clientId: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly #parts = new Map<() => void, () => Promise<void>>()
  readonly #timers = new Set<Timer>()
  readonly #unwatch: () => void
  #queued = 0
  #refuse: Refuse | null = null

  constructor(context: ConnectionContext) {
    this.clientId = context.clientId
    this.clock = context.clock
    this.random = context.random
    this.log = context.log
    this.#unwatch = context.clock.watch(() => ({ queued: this.#queued, atWork: 0, asking: 0 }))
  }

  get isEnded(): boolean {
    return this.#refuse !== null
  }

  /** Why `what` cannot be done any more. */
  refusal(what: string): FaustError {
    return (this.#refuse ?? closed(this.clientId))(what)
  }

  turn(run: () => void): void {
    this.#queued++
    this.clock.turn(() => {
      this.#queued--
      if (this.#refuse === null) run()
    })
  }

  /** A timer that ends with the connection. */
  after(delayMs: number, run: () => void, kind: TimerKind): Timer {
    if (this.#refuse !== null) return { cancel: () => undefined }
    const fire = (): void => {
      this.#timers.delete(timer)
      run()
    }
    const timer = this.clock.after(delayMs, fire, kind)
    this.#timers.add(timer)
    return {
      cancel: () => {
        this.#timers.delete(timer)
        timer.cancel()
      },
    }
  }

  /** Something made from this connection ends with it: at once, or with time for goodbyes. Returns how to forget it. */
  attach(end: () => void, close: () => Promise<void> = () => Promise.resolve(end())): () => void {
    if (this.#refuse === null) this.#parts.set(end, close)
    else end()
    return () => void this.#parts.delete(end)
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#parts.values(), close => close()))
    this.end(closed(this.clientId))
  }

  /** Ends without goodbyes; from now on everything is refused in these words. */
  end(refuse: Refuse): void {
    if (this.#refuse !== null) return
    this.#refuse = refuse
    this.#unwatch()
    for (const timer of this.#timers) timer.cancel()
    for (const end of this.#parts.keys()) end()
    this.#parts.clear()
  }
}

/** The error for something that cannot be done any more: `what` stands after "Cannot". */
export type Refuse = (what: string) => FaustError

function closed(clientId: string): Refuse {
  return what => new ClosedError(`Cannot ${what}: the connection of "${clientId}" is closed. Connect again.`)
}
