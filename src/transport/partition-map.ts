import type { TopicPartition } from './transport.js'

/** What there is of each partition; a look-up makes no key. */
export class PartitionMap<T> {
  readonly #topics = new Map<string, (T | undefined)[]>()

  get({ topic, partition }: TopicPartition): T | undefined {
    return this.#topics.get(topic)?.[partition]
  }

  set({ topic, partition }: TopicPartition, value: T): void {
    const partitions = this.#topics.get(topic)
    if (partitions !== undefined) partitions[partition] = value
    else {
      const first: (T | undefined)[] = []
      first[partition] = value
      this.#topics.set(topic, first)
    }
  }

  /** Forgets the topic too, once nothing is left of it. */
  delete({ topic, partition }: TopicPartition): void {
    const partitions = this.#topics.get(topic)
    if (partitions === undefined) return
    partitions[partition] = undefined
    if (partitions.every(value => value === undefined)) this.#topics.delete(topic)
  }

  *values(): Generator<T> {
    for (const partitions of this.#topics.values()) for (const value of partitions) if (value !== undefined) yield value
  }

  clear(): void {
    this.#topics.clear()
  }
}
