import type { Socket } from 'node:net'
import { ClosedError } from '../../errors.js'
import { type Clock, sleep, type Timer } from '../../lib/clock.js'
import { type Logger, silentLogger } from '../../lib/log.js'
import { resolveDirectory } from './directory.js'
import { connectTo } from './local-socket.js'
import { Thread } from './thread.js'

/** One connection's share in keeping a directory served. */
export interface Claim {
  /** Its one name, without links. */
  readonly directory: string
  /**
   * A new socket to whoever serves the directory, which is this process when nobody else does. Throws `TransportError`: at once
   * for what will not go away by itself, else after ten seconds. A broker that is being opened is waited for.
   */
  dial(): Promise<Socket>
  /** With the last claim of the process goes what it serves: it is handed over. */
  release(): Promise<void>
}

/** What belongs to the connection that claims. */
export interface Claimant {
  readonly clock: Clock
  readonly log: Logger
}

/** Makes the directory where there is none. Throws `TransportError`. */
export async function claimDirectory(path: string, { clock, log }: Claimant): Promise<Claim> {
  const directory = await resolveDirectory(path)
  const keeper = keepers.get(directory) ?? new Keeper(directory)
  keepers.set(directory, keeper)
  return keeper.claim({ clock, log })
}

/** One per directory: all connections of the process share its thread. */
const keepers = new Map<string, Keeper>()

class Keeper {
  readonly #directory: string
  readonly #claimants = new Set<Claimant>()
  #thread: Thread | null = null
  /** Runs when this process has been a mere client for a while. */
  #standby: Timer | null = null
  /** Where the thread's log goes: to the oldest claimant, or to the last one when all are gone. */
  #log: Logger = silentLogger

  constructor(directory: string) {
    this.#directory = directory
  }

  claim(claimant: Claimant): Claim {
    this.#claimants.add(claimant)
    this.#chooseLog()
    let released: Promise<void> | null = null
    return {
      directory: this.#directory,
      dial: () => this.#dial(claimant),
      release: () => (released ??= this.#release(claimant)),
    }
  }

  async #dial(claimant: Claimant): Promise<Socket> {
    const socket = await this.#reach(claimant)
    this.#standByLater(claimant.clock)
    return socket
  }

  async #reach(claimant: Claimant): Promise<Socket> {
    const { clock } = claimant
    const deadlineMs = clock.elapsed() + patienceMs
    let isSaid = false
    for (;;) {
      // What it says from here on may be that somebody answers now.
      const news = this.#thread?.news
      const answer = await connectTo(this.#directory)
      if (!this.#claimants.has(claimant)) throw this.#released(answer)
      if (typeof answer !== 'string') return answer
      const thread = (this.#thread ??= this.#startThread(clock))
      await newsWithin(clock, pollMs, news ?? thread.news)
      if (thread.failure !== null) {
        this.#forget(thread)
        throw thread.failure
      }
      if (clock.elapsed() < deadlineMs) continue
      if (thread.trouble !== null) throw thread.trouble
      if (!isSaid) this.#log.warn({}, `The embedded broker in ${this.#directory} takes long to open its files.`)
      isSaid = true
    }
  }

  #released(answer: Socket | string): ClosedError {
    if (typeof answer !== 'string') answer.destroy()
    return new ClosedError(`Cannot reach the embedded broker in ${this.#directory}: the connection has been closed.`)
  }

  /** A process that only passes by does not pay for a thread. */
  #standByLater(clock: Clock): void {
    if (this.#thread !== null || this.#standby !== null || this.#claimants.size === 0) return
    const start = (): void => {
      this.#standby = null
      this.#thread ??= this.#startThread(clock)
    }
    this.#standby = clock.after(standbyDelayMs, start, 'background')
  }

  #startThread(clock: Clock): Thread {
    const thread = new Thread(this.#directory, () => this.#log)
    void thread.ended.then(() => this.#lost(thread, clock))
    return thread
  }

  #lost(thread: Thread, clock: Clock): void {
    if (this.#claimants.size === 0) return
    const isUnheard = this.#thread === thread
    this.#forget(thread)
    const { failure } = thread
    if (failure === null) return
    // A death is news in any case; what will not go away by itself concerns whoever dials.
    if (failure.retriable || isUnheard) {
      this.#log.error({ error: failure }, 'This process has no thread any more that could serve its embedded broker.')
    }
    if (failure.retriable) this.#standByLater(clock)
  }

  /** Whoever dials next begins with a thread of his own. */
  #forget(thread: Thread): void {
    if (this.#thread === thread) this.#thread = null
  }

  async #release(claimant: Claimant): Promise<void> {
    this.#claimants.delete(claimant)
    this.#chooseLog()
    if (this.#claimants.size > 0) return
    keepers.delete(this.#directory)
    this.#standby?.cancel()
    await this.#thread?.stop(claimant.clock)
  }

  #chooseLog(): void {
    const [oldest] = this.#claimants
    this.#log = oldest?.log ?? this.#log
  }
}

const patienceMs = 10_000
/** Also where the thread has nothing to say, another process may begin to serve. */
const pollMs = 25
const standbyDelayMs = 2_000

/** Resolves with `news`, at the latest after `ms`; the process stays alive for it. */
async function newsWithin(clock: Clock, ms: number, news: Promise<void>): Promise<void> {
  const over = new AbortController()
  await Promise.race([news, sleep(clock, ms, { kind: 'work', signal: over.signal })])
  over.abort()
}
