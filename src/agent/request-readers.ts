import { AppChannel } from '../channel/channel.js'
import { TopicColumns } from '../channel/topic-columns.js'
import type { Held } from '../stream/lane.js'
import type { AppAgent } from './agent.js'

/** Requests that several agents of the app read: only when all of them have moved on is there no answer. */
export class RequestReaders {
  readonly #agents: readonly AppAgent[]
  /** How many have moved on, by message. */
  readonly #silent = new WeakMap<object, Map<number, number>>()

  constructor(agents: readonly AppAgent[]) {
    this.#agents = agents
  }

  /** One of them has moved on from this request without an answer; says whether it was the last that could have given one. */
  isLast({ lot: { columns }, index }: Held): boolean {
    const { topic } = columns
    const isChannel = columns.partition < 0
    const readers = this.#agents.filter(({ source }) =>
      source instanceof AppChannel ? isChannel && source.name === topic : !isChannel && source.covers(topic),
    )
    if (readers.length < 2) return true
    const message = columns instanceof TopicColumns ? columns.batch : columns
    const counts = this.#silent.get(message) ?? new Map<number, number>()
    this.#silent.set(message, counts)
    const count = (counts.get(index) ?? 0) + 1
    counts.set(index, count)
    return count === readers.length
  }
}
