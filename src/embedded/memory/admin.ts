import { TransportError } from '../../errors.js'
import type {
  Admin,
  Batch,
  Isolation,
  PartitionOffset,
  TopicDescription,
  TopicPartition,
  TopicSpec,
} from '../../transport/transport.js'
import type { Link } from './link.js'
import type { PartitionLog } from './log.js'
import type { BrokerState } from './state.js'

/** Topics and offsets, asked for over one connection. */
export class MemoryAdmin implements Admin {
  readonly #link: Link
  readonly #broker: BrokerState

  constructor(link: Link, broker: BrokerState) {
    this.#link = link
    this.#broker = broker
  }

  topics(names?: readonly string[]): Promise<readonly TopicDescription[]> {
    return this.#ask('describe topics', () => {
      const topics = this.#broker.topics.all().filter(({ name }) => names === undefined || names.includes(name))
      return topics.map(topic => topic.describe())
    })
  }

  createTopics(specs: readonly TopicSpec[]): Promise<void> {
    return this.#ask('create topics', () => {
      for (const spec of specs) this.#broker.topics.create(spec, this.#link.random)
    })
  }

  addPartitions(topic: string, partitions: number): Promise<void> {
    return this.#ask('add partitions', () => void this.#broker.topics.grow(topic, partitions))
  }

  deleteTopics(names: readonly string[]): Promise<void> {
    return this.#ask('delete topics', () => names.forEach(name => this.#broker.deleteTopic(name)))
  }

  endOffsets(partitions: readonly TopicPartition[], isolation: Isolation): Promise<readonly PartitionOffset[]> {
    return this.#offsets(partitions, 'learn the end offset of', log => log.endFor(isolation))
  }

  startOffsets(partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    return this.#offsets(partitions, 'learn the first offset of', log => log.start)
  }

  offsetsForTime(partitions: readonly TopicPartition[], timestamp: number): Promise<readonly PartitionOffset[]> {
    return this.#offsets(partitions, 'look up a time in', log => offsetForTime(log, timestamp))
  }

  deleteRecords(before: readonly PartitionOffset[]): Promise<void> {
    return this.#ask('delete messages', () => {
      const logs = before.map(at => ({ log: this.#broker.log(at, 'delete messages of'), offset: at.offset }))
      for (const { log, offset } of logs) this.#checkDeletion(log, offset)
      for (const { log, offset } of logs) log.trim(offset)
    })
  }

  groupOffsets(groupId: string): Promise<readonly PartitionOffset[]> {
    return this.#ask(`read the offsets of the group "${groupId}"`, () => this.#broker.coordinator(groupId).offsets.all())
  }

  resetGroup(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    const copy = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
    return this.#ask(`reset the group "${groupId}"`, () => {
      for (const at of copy) this.#broker.log(at, 'reset the offset of')
      this.#broker.coordinator(groupId).reset(copy)
    })
  }

  watchTopics(changed: () => void): () => void {
    if (this.#link.isEnded) throw this.#link.refusal('watch topics')
    const { watchers } = this.#broker.topics
    let isDue = false
    const run = (): void => {
      isDue = false
      if (watchers.has(watcher)) changed()
    }
    const watcher = (): void => {
      if (!isDue) this.#link.turn(run)
      isDue = true
    }
    const stop = (): void => void watchers.delete(watcher)
    const detach = this.#link.attach(stop)
    watchers.add(watcher)
    return () => {
      stop()
      detach()
    }
  }

  #ask<T>(what: string, answer: () => T): Promise<T> {
    return this.#link.call({ what }, deferred => deferred.resolve(answer()))
  }

  #offsets(
    partitions: readonly TopicPartition[],
    what: string,
    offsetOf: (log: PartitionLog) => number | undefined,
  ): Promise<PartitionOffset[]> {
    const copy = partitions.map(({ topic, partition }) => ({ topic, partition }))
    return this.#ask(`${what} partitions`, () =>
      copy.flatMap(at => {
        const log = this.#broker.log(at, what)
        log.expire(this.#link.clock.now())
        const offset = offsetOf(log)
        return offset === undefined ? [] : [{ ...at, offset }]
      }),
    )
  }

  /** Kafka refuses both as well. */
  #checkDeletion(log: PartitionLog, offset: number): void {
    const refuse = (why: string): TransportError =>
      new TransportError(`Cannot delete messages of "${log.topic}"[${log.partition}] below ${offset}: ${why}.`, {
        retriable: false,
      })
    if (offset > log.end) throw refuse(`the log ends at ${log.end}. Name an offset within it`)
    if (this.#broker.topics.get(log.topic)?.compacted) {
      throw refuse('the topic is compacted. Write tombstones, or delete the topic')
    }
  }
}

function offsetForTime(log: PartitionLog, timestamp: number): number | undefined {
  for (const { batch } of log.entries) {
    if (batch === null) continue
    const index = firstAt(batch, { timestamp, from: log.start })
    if (index >= 0) return batch.offsets[index]
  }
  return undefined
}

function firstAt(batch: Batch, { timestamp, from }: { timestamp: number; from: number }): number {
  return batch.timestamps.findIndex((at, index) => at >= timestamp && (batch.offsets[index] as number) >= from)
}
