import type { ConnectionContext } from '../../transport/transport.js'
import { nextTurn } from '../../lib/clock.js'
import { thrown } from '../../lib/thrown.js'
import type { Cluster } from '../cluster/cluster.js'
import { describeConfigs } from '../wire/configs.js'

/** How large batches of a topic may be, in bytes, head included. */
export interface TopicLimit {
  /** A batch of one message. */
  readonly maxBytes: number
  /** A batch of several. */
  readonly usualBytes: number
}

/** What brokers take unless a topic says otherwise (max.message.bytes). */
export const defaultMaxBytes: number = 1024 * 1024 + 12

/** Learns how large the batches of topics may be: whoever sends more is refused with all messages of the batch. */
export class TopicLimits {
  readonly #cluster: Pick<Cluster, 'atAny'>
  readonly #context: Pick<ConnectionContext, 'clock' | 'log'>
  readonly #known = new Map<string, TopicLimit>()
  readonly #asked = new Set<string>()
  #learning: Promise<ReadonlyMap<string, number>> | null = null

  constructor(cluster: Pick<Cluster, 'atAny'>, context: Pick<ConnectionContext, 'clock' | 'log'>) {
    this.#cluster = cluster
    this.#context = context
  }

  /** Asks when it is not known yet; until then batches are small, as every topic takes them. */
  of(topic: string): TopicLimit {
    const known = this.#known.get(topic)
    if (known !== undefined) return known
    void this.ask(topic)
    return unknownLimit
  }

  /** It may have changed: resolves to the topic's max.message.bytes, `null` where that cannot be looked up. */
  async ask(topic: string): Promise<number | null> {
    this.#asked.add(topic)
    this.#learning ??= nextTurn(this.#context.clock).then(() => this.#learn())
    return (await this.#learning).get(topic) ?? null
  }

  /** Several messages of so many bytes were too large: they are fewer from now on, unless the topic can be asked. */
  lower(topic: string, refusedBytes: number): void {
    const { maxBytes, usualBytes } = this.of(topic)
    this.#known.set(topic, { maxBytes, usualBytes: Math.min(usualBytes, Math.floor(refusedBytes / 2)) })
    void this.ask(topic)
  }

  async #learn(): Promise<ReadonlyMap<string, number>> {
    const learned = new Map<string, number>()
    const topics = [...this.#asked]
    const what = 'Cannot look up the largest messages of topics'
    for (const topic of topics) if (!this.#known.has(topic)) this.#known.set(topic, unknownLimit)
    this.#asked.clear()
    this.#learning = null
    try {
      const answer = await this.#cluster.atAny(describeConfigs, { topics, names: [setting] }, { what })
      for (const { topic, configs } of answer.topics) {
        const found = configs.find(({ name }) => name === setting)
        if (found && found.value !== null) learned.set(topic, Number(found.value))
      }
    } catch (error) {
      this.#context.log.debug({ topics }, `${what}: ${thrown(error).message}`)
    }
    // Who may not look it up is left with the default; brokers refuse what is too large anyway.
    for (const topic of topics) {
      const isNew = this.#known.get(topic) === unknownLimit
      if (learned.has(topic) || isNew) this.#known.set(topic, limitOf(learned.get(topic) ?? defaultMaxBytes))
    }
    return learned
  }
}

const setting = 'max.message.bytes'

/** Batches of several messages are not larger than that: others wait for their acknowledgement. */
const mostUsualBytes = 256 * 1024

const unknownLimit: TopicLimit = { maxBytes: defaultMaxBytes, usualBytes: 16 * 1024 }

function limitOf(maxBytes: number): TopicLimit {
  return { maxBytes, usualBytes: Math.min(maxBytes, mostUsualBytes) }
}
