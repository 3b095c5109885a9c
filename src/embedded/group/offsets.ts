import { CommitError, TransportError } from '../../errors.js'
import type { PartitionOffset, TopicPartition } from '../../transport/transport.js'

/** The offsets that a group has committed. Those of a transaction come with its end, so that none ever waits for one. */
export class GroupOffsets {
  readonly #committed = new Map<string, Map<number, number>>()

  commit(offsets: readonly PartitionOffset[]): void {
    for (const { topic, partition, offset } of offsets) {
      let partitions = this.#committed.get(topic)
      if (partitions === undefined) this.#committed.set(topic, (partitions = new Map()))
      partitions.set(partition, offset)
    }
  }

  /** From now on nothing else is committed. */
  replace(offsets: readonly PartitionOffset[]): void {
    this.#committed.clear()
    this.commit(offsets)
  }

  /** Of these partitions; those never committed are absent. */
  of(partitions: readonly TopicPartition[]): PartitionOffset[] {
    return partitions.flatMap(({ topic, partition }) => {
      const offset = this.#committed.get(topic)?.get(partition)
      return offset === undefined ? [] : [{ topic, partition, offset }]
    })
  }

  /** Sorted by topic and partition. */
  all(): PartitionOffset[] {
    const offsets: PartitionOffset[] = []
    for (const [topic, partitions] of this.#committed) {
      for (const [partition, offset] of partitions) offsets.push({ topic, partition, offset })
    }
    return offsets.sort((left, right) =>
      left.topic === right.topic ? left.partition - right.partition : left.topic < right.topic ? -1 : 1,
    )
  }

  /** A topic that is deleted takes the offsets along. */
  forget(topic: string): void {
    this.#committed.delete(topic)
  }
}

/** What could not be committed now may be committed later; under a stale membership or a closed connection never. */
export function asCommitError(error: unknown): never {
  if (!(error instanceof TransportError)) throw error
  throw new CommitError(error.message, { cause: error })
}
