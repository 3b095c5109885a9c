import { exponential, type Backoff } from '../lib/backoff.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Random } from '../lib/random.js'
import type { Group, LogPartition, PartitionOffset, TopicDescription, TopicPartition } from '../transport/transport.js'
import { nameOf } from './member-state.js'

export interface ArrivalsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly group: () => Pick<Group, 'committed'>
  /** Begins a tenure at this offset, -1 for the earliest. */
  readonly open: (at: LogPartition, start: number) => void
  /** It is time to look again for what has not come. */
  readonly look: () => void
}

/** Partitions that are assigned and not read yet: it is not known of which log they are, or where the group has left that off. */
export class Arrivals {
  readonly #options: ArrivalsOptions
  readonly #backoff: Backoff
  readonly #expected = new Map<string, TopicPartition>()
  #later: Timer | null = null
  /** How often what is expected was looked for in vain. */
  #misses = 0

  constructor(options: ArrivalsOptions) {
    this.#options = options
    this.#backoff = exponential({ initialMs: 200, maxMs: 10_000, random: options.random })
  }

  get all(): readonly TopicPartition[] {
    return [...this.#expected.values()]
  }

  expect({ topic, partition }: TopicPartition): void {
    this.#expected.set(nameOf({ topic, partition }), { topic, partition })
  }

  forget(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#expected.delete(nameOf(at))
    if (this.#expected.size === 0) this.#later?.cancel()
  }

  /**
   * Begins the tenures of those whose topics were found. These were looked for before it is asked what is committed: that is
   * then of the log found, or says so, or the log found is none any more, which its reader will tell. Throws `TransportError`.
   */
  async begin(found: ReadonlyMap<string, TopicDescription>): Promise<void> {
    const there = this.all.filter(({ topic, partition }) => partition < (found.get(topic)?.partitions ?? 0))
    if (there.length > 0) {
      const committed = await this.#options.group().committed(there)
      for (const at of there) this.#arrive(at, found.get(at.topic) as TopicDescription, committed)
    }
    this.lookLater()
  }

  /** What has not come is looked for again, later and later. */
  lookLater(): void {
    this.#later?.cancel()
    this.#misses = this.#expected.size === 0 ? 0 : this.#misses + 1
    if (this.#misses === 0) return
    this.#later = this.#options.clock.after(this.#backoff.delayMs(this.#misses), this.#options.look, 'background')
  }

  #arrive(at: TopicPartition, { id: topicId }: TopicDescription, committed: readonly PartitionOffset[]): void {
    const name = nameOf(at)
    // It may have been taken away meanwhile, and even come again.
    if (this.#expected.get(name) !== at) return
    this.#expected.delete(name)
    const known = committed.find(offset => nameOf(offset) === name)
    const isOfAnother = known?.topicId !== undefined && known.topicId !== topicId
    this.#options.open({ ...at, topicId }, isOfAnother ? -1 : (known?.offset ?? -1))
  }
}
