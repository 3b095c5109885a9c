import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { nextTurn, type Timer } from '../../lib/clock.js'
import type { Partition } from './partition.js'
import type { BrokerState } from './state.js'

/** What a broker does beside serving: messages go when their time is over, topics are compacted, old producers forgotten. */
export class Upkeep {
  readonly #state: BrokerState
  #timer: Timer | null = null
  /** One thing after the other. */
  #work: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** Does it every 30 seconds. */
  start(): void {
    if (this.#isStopped) return
    this.#timer = this.#state.clock.after(periodMs, () => void this.run().then(() => this.start()), 'background')
  }

  /** Does it now. Never throws: what goes wrong in a partition is logged, and tried again the next time. */
  run(): Promise<void> {
    return this.#queue(async () => {
      const { clock, producers } = this.#state
      producers.expire(clock.now())
      for (const [index, partition] of this.#partitions().entries()) {
        if (index % partitionsPerTurn === 0) await nextTurn(clock)
        if (this.#isStopped) return
        await this.#tend(partition)
      }
    })
  }

  /** Compacts a topic now. Throws `TransportError`. */
  compact(topic: string): Promise<void> {
    return this.#queue(async () => {
      for (const partition of this.#state.topics.get(topic)?.logs ?? []) await partition.compact()
    })
  }

  /** Removes what an owner that died had no time to remove. */
  async clear(): Promise<void> {
    const folder = join(this.#state.directory, 'logs')
    const known = new Set(this.#state.topics.all().map(({ id }) => id))
    for (const name of await readdir(folder)) {
      if (!known.has(name)) await rm(join(folder, name), { recursive: true, force: true })
    }
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#work
  }

  #queue(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => undefined)
    return done
  }

  #partitions(): Partition[] {
    return this.#state.topics.all().flatMap(({ logs }) => logs)
  }

  async #tend(partition: Partition): Promise<void> {
    const { clock, log } = this.#state
    try {
      await partition.expire(clock.now())
      await partition.compactIfDue()
    } catch (error) {
      if (partition.isDeleted) return
      log.warn({ ...partition.at, error }, 'a partition could not be cleaned up: it is tried again later')
    }
  }
}

const periodMs = 30_000

/** So that clients are served in between. */
const partitionsPerTurn = 32
