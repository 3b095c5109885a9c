import type { Clock, Timer } from '../../lib/clock.js'

/**
 * Finds out which of the clients' processes have died. A socket closes a moment before its process is gone, so that whoever is
 * suspected is looked at again, a few times.
 */
export class DeathWatch {
  readonly #surroundings: Surroundings
  /** When each suspect is looked at the next time. */
  readonly #next = new Map<string, Timer>()
  #isStopped = false

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  /** The process may have died, now or very soon. */
  suspect(process: string): void {
    if (!this.#isStopped) this.#look(process, 0)
  }

  stop(): void {
    this.#isStopped = true
    for (const timer of this.#next.values()) timer.cancel()
  }

  #look(process: string, looks: number): void {
    this.#next.get(process)?.cancel()
    this.#next.delete(process)
    const { clock, isDead, onDead } = this.#surroundings
    if (isDead(process)) return onDead(process)
    const delayMs = delaysMs[looks]
    if (delayMs === undefined) return
    this.#next.set(
      process,
      clock.after(delayMs, () => this.#look(process, looks + 1), 'background'),
    )
  }
}

interface Surroundings {
  readonly clock: Clock
  readonly isDead: (process: string) => boolean
  readonly onDead: (process: string) => void
}

/** Between one look and the next. Whoever takes longer to die is a member until its session ends. */
const delaysMs = [10, 50, 250, 1000]
