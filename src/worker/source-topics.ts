import type { Logger } from '../lib/log.js'
import type { TopicDescription } from '../transport/transport.js'

export interface SourceTopicsOptions {
  readonly log: Logger
  /** Those of the topics that exist. */
  readonly describe: (names: readonly string[]) => Promise<readonly TopicDescription[]>
}

/** Which log has the name of a source topic now. Says, once each, when one goes and when another one comes. */
export class SourceTopics {
  readonly #options: SourceTopicsOptions
  /** Identities as last seen; `null` for a topic that was there and is gone. */
  readonly #seen = new Map<string, string | null>()

  constructor(options: SourceTopicsOptions) {
    this.#options = options
  }

  /** Those that exist, by name. Throws `TransportError`. */
  async look(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    const gone = [...this.#seen].flatMap(([name, id]) => (id === null ? name : []))
    const asked = [...new Set([...names, ...gone])]
    if (asked.length === 0) return new Map()
    const found = new Map((await this.#options.describe(asked)).map(topic => [topic.name, topic]))
    for (const name of asked) this.#see(name, found.get(name)?.id ?? null)
    return found
  }

  #see(topic: string, id: string | null): void {
    const before = this.#seen.get(topic)
    if (before === undefined && id === null) return
    this.#seen.set(topic, id)
    if (before === undefined || before === id) return
    const { log } = this.#options
    const remedy = 'Create it again, and it is read from its beginning; other topics go on'
    if (id === null) log.error({ topic }, `The topic "${topic}" is gone: deleted, or hidden from this worker. ${remedy}`)
    else if (before === null) log.warn({ topic }, `The topic "${topic}" is there again, and read again`)
    else log.warn({ topic }, `The topic "${topic}" was deleted and made again: it is read from its beginning`)
  }
}
