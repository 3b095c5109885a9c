import { TransportError } from '../../errors.js'
import { type Random, uuid } from '../../lib/random.js'
import type { TopicDescription, TopicPartition, TopicSpec } from '../../transport/transport.js'
import { PartitionLog } from './log.js'

/** The topics of one broker and their logs. */
export class Topics {
  /** Called after topics appear, disappear or gain partitions. */
  readonly watchers: Set<() => void> = new Set()
  readonly #topics = new Map<string, Topic>()

  /** Sorted by name. */
  all(): Topic[] {
    return [...this.#topics.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  /** Throws `TransportError`, which says what could not be done. */
  log(at: TopicPartition, what: string): PartitionLog {
    const log = this.#topics.get(at.topic)?.logs[at.partition]
    if (log !== undefined) return log
    throw this.missing(at, what)
  }

  missing({ topic, partition }: TopicPartition, what: string): TransportError {
    const count = this.#topics.get(topic)?.logs.length
    if (count === undefined)
      return new TransportError(`Cannot ${what} "${topic}"[${partition}]: there is no such topic. Create it first.`)
    return new TransportError(`Cannot ${what} "${topic}"[${partition}]: the topic has ${count} partitions, counted from 0.`)
  }

  /** Creates it unless it exists. */
  create(spec: TopicSpec, random: Random): void {
    if (this.#topics.has(spec.name)) return
    this.#topics.set(spec.name, new Topic(spec, uuid(random)))
    this.#changed()
  }

  grow(name: string, partitions: number): void {
    const topic = this.#topics.get(name)
    if (topic === undefined)
      throw new TransportError(`Cannot add partitions to "${name}": there is no such topic. Create it first.`)
    if (partitions < topic.partitions) {
      throw new TransportError(
        `Cannot give "${name}" ${partitions} partitions: it has ${topic.partitions}, and none can be taken away. Create another topic.`,
        { retriable: false },
      )
    }
    if (topic.grow(partitions)) this.#changed()
  }

  /** Returns whether it existed. */
  delete(name: string): boolean {
    const topic = this.#topics.get(name)
    if (topic === undefined) return false
    this.#topics.delete(name)
    for (const log of topic.logs) log.delete()
    this.#changed()
    return true
  }

  #changed(): void {
    for (const watcher of this.watchers) watcher()
  }
}

/** One topic: what was asked for when it was created, and its partitions' logs. */
export class Topic implements TopicDescription {
  readonly name: string
  readonly id: string
  readonly replicas: number
  readonly retentionMs: number
  readonly compacted: boolean
  readonly logs: PartitionLog[] = []

  constructor(spec: TopicSpec, id: string) {
    check(spec)
    this.name = spec.name
    this.id = id
    this.replicas = spec.replicas ?? 1
    this.compacted = spec.compacted ?? false
    this.retentionMs = spec.retentionMs ?? (this.compacted ? -1 : weekMs)
    this.grow(spec.partitions)
  }

  get partitions(): number {
    return this.logs.length
  }

  /** Returns whether there are new partitions. */
  grow(partitions: number): boolean {
    const before = this.logs.length
    // What is only compacted keeps the last message of each key for ever.
    const retentionMs = this.compacted ? -1 : this.retentionMs
    while (this.logs.length < partitions) {
      this.logs.push(new PartitionLog({ topic: this.name, partition: this.logs.length }, retentionMs))
    }
    return partitions > before
  }

  describe(): TopicDescription {
    const { name, id, partitions, replicas, retentionMs, compacted } = this
    return { name, id, partitions, replicas, retentionMs, compacted }
  }
}

const weekMs = 7 * 24 * 60 * 60 * 1000

/** Refuses what a Kafka broker refuses, so that a program that runs here runs there. */
function check({ name, partitions }: TopicSpec): void {
  const refuse = (why: string): TransportError =>
    new TransportError(`Cannot create the topic "${name}": ${why}.`, { retriable: false })
  if (!/^[\w.-]{1,249}$/.test(name) || name === '.' || name === '..') {
    throw refuse('a name has 1 to 249 letters, digits, dots, underscores and hyphens. Choose another name')
  }
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw refuse(`it cannot have ${partitions} partitions. Give it one or more`)
  }
}
