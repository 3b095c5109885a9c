import type { Admin, Isolation, PartitionOffset, TopicDescription, TopicPartition, TopicSpec } from '../../transport/transport.js'
import type { Lifetime } from '../lifetime.js'
import type { Answer, Requests, RequestType } from '../wire/protocol.js'
import type { Line } from './line.js'

/** Topics and offsets, asked for over one line. */
export class EmbeddedAdmin implements Admin {
  readonly #life: Lifetime
  readonly #line: Line
  readonly #watchers = new Set<() => void>()

  constructor(life: Lifetime, line: Line) {
    this.#life = life
    this.#line = line
  }

  topics(names: readonly string[] | null = null): Promise<readonly TopicDescription[]> {
    return this.#ask('topics', { names }, 'describe topics')
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.#ask('createTopics', { specs }, 'create topics')
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    await this.#ask('addPartitions', { topic, partitions }, `add partitions to "${topic}"`)
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await this.#ask('deleteTopics', { names }, 'delete topics')
  }

  endOffsets(partitions: readonly TopicPartition[], isolation: Isolation): Promise<readonly PartitionOffset[]> {
    return this.#ask('endOffsets', { partitions: partitions.map(place), isolation }, 'learn the end offsets of partitions')
  }

  startOffsets(partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    return this.#ask('startOffsets', { partitions: partitions.map(place) }, 'learn the first offsets of partitions')
  }

  offsetsForTime(partitions: readonly TopicPartition[], timestamp: number): Promise<readonly PartitionOffset[]> {
    return this.#ask('offsetsForTime', { partitions: partitions.map(place), timestamp }, 'look up a time in partitions')
  }

  async deleteRecords(before: readonly PartitionOffset[]): Promise<void> {
    await this.#ask('deleteRecords', { before: before.map(offsetAt) }, 'delete messages')
  }

  groupOffsets(groupId: string): Promise<readonly PartitionOffset[]> {
    return this.#ask('groupOffsets', { groupId }, `read the offsets of the group "${groupId}"`)
  }

  async resetGroup(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.#ask('resetGroup', { groupId, offsets: offsets.map(offsetAt) }, `reset the group "${groupId}"`)
  }

  watchTopics(changed: () => void): () => void {
    if (this.#life.isEnded) throw this.#life.refusal('watch topics')
    const watcher = (): void => changed()
    this.#watchers.add(watcher)
    if (this.#watchers.size === 1) this.#watch(true)
    return () => {
      if (this.#watchers.delete(watcher) && this.#watchers.size === 0) this.#watch(false)
    }
  }

  /** The broker says that topics have changed. */
  changed(): void {
    for (const watcher of [...this.#watchers]) if (this.#watchers.has(watcher)) watcher()
  }

  /** A new connection is watched as the last one was; what has changed in between, nobody has said. */
  renew(): void {
    if (this.#watchers.size === 0) return
    this.#watch(true)
    this.changed()
  }

  #watch(on: boolean): void {
    // Fails only with the connection: `renew` asks again after a break.
    this.#ask('watchTopics', { on }, 'watch topics').catch(() => undefined)
  }

  #ask<Type extends RequestType>(type: Type, asks: Requests[Type]['asks'], what: string): Promise<Answer<Type>> {
    return this.#line.ask(type, asks, { what })
  }
}

/** A copy with nothing else in it: what is asked may be any object that has these. */
export function place({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}

/** See `place`. */
export function offsetAt({ topic, partition, topicId, offset }: PartitionOffset): PartitionOffset {
  return { topic, partition, topicId, offset }
}
