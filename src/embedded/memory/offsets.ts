import { CommitError, TransportError } from '../../errors.js'
import type { Deferred } from '../../lib/deferred.js'
import type { PartitionOffset, TopicPartition } from '../../transport/transport.js'
import type { Transaction } from './log.js'

/** The offsets that a group has committed, and those that wait for the end of a transaction. */
export class GroupOffsets {
  readonly #committed = new Map<string, Map<number, number>>()
  readonly #held = new Map<Transaction, PartitionOffset[]>()
  readonly #waiting: Waiting[] = []

  commit(offsets: readonly PartitionOffset[]): void {
    for (const { topic, partition, offset } of offsets) {
      let partitions = this.#committed.get(topic)
      if (partitions === undefined) this.#committed.set(topic, (partitions = new Map()))
      partitions.set(partition, offset)
    }
  }

  hold(transaction: Transaction, offsets: readonly PartitionOffset[]): void {
    const held = this.#held.get(transaction) ?? []
    held.push(...offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })))
    this.#held.set(transaction, held)
  }

  complete(transaction: Transaction): void {
    if (transaction.status === 'committed') this.commit(this.#held.get(transaction) ?? [])
    this.#held.delete(transaction)
    for (const waiting of this.#waiting.splice(0)) this.fetch(waiting.partitions, waiting.answer)
  }

  /** Answers when no open transaction is about to change one of them. */
  fetch(partitions: readonly TopicPartition[], answer: Deferred<readonly PartitionOffset[]>): void {
    if (partitions.some(at => this.#isHeld(at))) return void this.#waiting.push({ partitions, answer })
    answer.resolve(
      partitions.flatMap(({ topic, partition }) => {
        const offset = this.#committed.get(topic)?.get(partition)
        return offset === undefined ? [] : [{ topic, partition, offset }]
      }),
    )
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

  #isHeld({ topic, partition }: TopicPartition): boolean {
    for (const held of this.#held.values()) {
      if (held.some(offset => offset.topic === topic && offset.partition === partition)) return true
    }
    return false
  }
}

/** What could not be committed now may be committed later; under a stale membership or a closed connection never. */
export function asCommitError(error: unknown): never {
  if (!(error instanceof TransportError)) throw error
  throw new CommitError(error.message, { cause: error })
}

interface Waiting {
  readonly partitions: readonly TopicPartition[]
  readonly answer: Deferred<readonly PartitionOffset[]>
}
