import { TransportError } from '../errors.js'
import { type Random, uuid } from '../lib/random.js'
import type { LogPartition, TopicDescription, TopicPartition, TopicSpec } from '../transport/transport.js'

/** The topics of one broker and the logs of their partitions, whatever those are. */
export class Topics<Log> {
  /** Called after topics appear, disappear or gain partitions. */
  readonly watchers: Set<() => void> = new Set()
  readonly #topics = new Map<string, Topic<Log>>()
  readonly #open: OpenLog<Log>

  constructor(open: OpenLog<Log>) {
    this.#open = open
  }

  /** Sorted by name. */
  all(): Topic<Log>[] {
    return [...this.#topics.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  get(name: string): Topic<Log> | undefined {
    return this.#topics.get(name)
  }

  /** Throws `TransportError`, which says what could not be done. */
  log(at: LogPartition, what: string): Log {
    const topic = this.#topics.get(at.topic)
    const log = topic?.logs[at.partition]
    if (topic === undefined || log === undefined) throw this.missing(at, what)
    if (at.topicId !== undefined && at.topicId !== topic.id) throw this.#replaced(at, what)
    return log
  }

  missing({ topic, partition }: TopicPartition, what: string): TransportError {
    const count = this.#topics.get(topic)?.logs.length
    if (count === undefined)
      return new TransportError(`Cannot ${what} "${topic}"[${partition}]: there is no such topic. Create it first.`)
    return new TransportError(`Cannot ${what} "${topic}"[${partition}]: the topic has ${count} partitions, counted from 0.`)
  }

  /** `null` when it exists already. Throws `TransportError` for a topic that cannot be. */
  create(spec: TopicSpec, random: Random): Topic<Log> | null {
    if (this.#topics.has(spec.name)) return null
    check(spec)
    const topic = this.restore(described(spec, uuid(random)))
    this.#changed()
    return topic
  }

  /** A topic that was created before this began to watch over it. */
  restore(description: TopicDescription): Topic<Log> {
    const topic = new Topic(description, this.#open)
    this.#topics.set(topic.name, topic)
    return topic
  }

  /** `null` when it has as many partitions already. Throws `TransportError` when there is none, or it has more. */
  grow(name: string, partitions: number): Topic<Log> | null {
    const topic = this.#topics.get(name)
    if (topic === undefined)
      throw new TransportError(`Cannot add partitions to "${name}": there is no such topic. Create it first.`)
    if (partitions < topic.partitions) {
      throw new TransportError(
        `Cannot give "${name}" ${partitions} partitions: it has ${topic.partitions}, and none can be taken away. Create another topic.`,
        { retriable: false },
      )
    }
    if (partitions === topic.partitions) return null
    topic.grow(partitions)
    this.#changed()
    return topic
  }

  /** `null` when there was none. */
  delete(name: string): Topic<Log> | null {
    const topic = this.#topics.get(name)
    if (topic === undefined) return null
    this.#topics.delete(name)
    this.#changed()
    return topic
  }

  #replaced({ topic, partition }: TopicPartition, what: string): TransportError {
    const why = 'the topic has been deleted, and another one has its name. Begin anew with that'
    return new TransportError(`Cannot ${what} "${topic}"[${partition}]: ${why}.`, { retriable: false })
  }

  #changed(): void {
    for (const watcher of this.watchers) watcher()
  }
}

/** One topic: what was asked for when it was created, and its partitions' logs. */
export class Topic<Log> implements TopicDescription {
  readonly name: string
  readonly id: string
  readonly replicas: number
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly compacted: boolean
  readonly logs: Log[] = []
  readonly #open: OpenLog<Log>

  constructor(description: TopicDescription, open: OpenLog<Log>) {
    this.name = description.name
    this.id = description.id
    this.replicas = description.replicas
    this.retentionMs = description.retentionMs
    this.retentionBytes = description.retentionBytes
    this.compacted = description.compacted
    this.#open = open
    this.grow(description.partitions)
  }

  get partitions(): number {
    return this.logs.length
  }

  grow(partitions: number): void {
    while (this.logs.length < partitions) this.logs.push(this.#open(this, this.logs.length))
  }

  describe(): TopicDescription {
    const { name, id, partitions, replicas, retentionMs, retentionBytes, compacted } = this
    return { name, id, partitions, replicas, retentionMs, retentionBytes, compacted }
  }
}

/** How a broker opens the log of one partition. */
export type OpenLog<Log> = (topic: TopicDescription, partition: number) => Log

const weekMs = 7 * 24 * 60 * 60 * 1000

function described(spec: TopicSpec, id: string): TopicDescription {
  const { name, partitions, replicas = 1, compacted = false, retentionBytes = -1 } = spec
  return { name, id, partitions, replicas, retentionMs: spec.retentionMs ?? (compacted ? -1 : weekMs), retentionBytes, compacted }
}

/** Refuses what a Kafka broker refuses, so that a program that runs here runs there. */
function check({ name, partitions, retentionBytes = -1 }: TopicSpec): void {
  const refuse = (why: string): TransportError =>
    new TransportError(`Cannot create the topic "${name}": ${why}.`, { retriable: false })
  if (!/^[\w.-]{1,249}$/.test(name) || name === '.' || name === '..') {
    throw refuse('a name has 1 to 249 letters, digits, dots, underscores and hyphens. Choose another name')
  }
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw refuse(`it cannot have ${partitions} partitions. Give it one or more`)
  }
  if (retentionBytes !== -1 && !(Number.isSafeInteger(retentionBytes) && retentionBytes > 0)) {
    throw refuse(`it cannot keep ${retentionBytes} bytes of a partition. Give it a whole number above 0, or -1 for no limit`)
  }
}
