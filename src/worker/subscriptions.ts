import type { Subscription } from '../channel/host.js'
import type { Admin, TopicSpec } from '../transport/transport.js'

/** What a worker reads: the streams' wishes, and the topics that they come down to. */
export class Subscriptions {
  readonly #all = new Set<Subscription>()

  add(subscription: Subscription): void {
    this.#all.add(subscription)
  }

  remove(subscription: Subscription): void {
    this.#all.delete(subscription)
  }

  /** What is to be created where it is missing, each topic once. */
  get specs(): readonly TopicSpec[] {
    const byName = new Map([...this.#all].flatMap(({ topic }) => topic.specs.map(spec => [spec.name, spec] as const)))
    return [...byName.values()]
  }

  of(topic: string): readonly Subscription[] {
    return [...this.#all].filter(({ topic: declared }) => declared.covers(topic))
  }

  /** Topics that are read by their names. */
  get names(): readonly string[] {
    return [...new Set([...this.#all].flatMap(({ topic }) => topic.names))]
  }

  /** Topics that are read together; `names` is what is read now. */
  groups(names: readonly string[]): readonly (readonly string[])[] {
    return [...this.#all].flatMap(({ topic, besides }) =>
      besides === undefined ? [] : [[...names.filter(name => topic.covers(name)), ...besides]],
    )
  }

  get hasPatterns(): boolean {
    return [...this.#all].some(({ topic }) => topic.pattern !== null)
  }

  /** Every topic that is read, patterns resolved against what the broker has; sorted. */
  async topics(admin: Admin): Promise<readonly string[]> {
    const names = new Set(this.names)
    if (this.hasPatterns) {
      for (const { name } of await admin.topics()) if (this.of(name).length > 0) names.add(name)
    }
    return [...names].sort()
  }
}
