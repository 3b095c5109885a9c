import { Ring } from '../../lib/ring.js'
import type { TopicPartition } from '../../transport/transport.js'
import type { ProducerIdentity } from '../wire/transaction.js'
import type { UnsentBatch } from './unsent-batch.js'

/**
 * Where a queue is: `idle` (empty), `waiting` to be sent, `sending` (its first batch is under way), `searching` for its leader,
 * `pausing` before another try, `joining` the transaction.
 */
export type QueueState = 'idle' | 'waiting' | 'sending' | 'searching' | 'pausing' | 'joining'

/**
 * One partition's batches on their way out, in the order of their messages. At most the first is under way, and it is the
 * first until its fate is known: however often it is tried, none overtakes it.
 */
export class PartitionQueue {
  readonly at: TopicPartition
  state: QueueState = 'idle'
  /** Tries of the first batch that have failed. */
  failures = 0
  /** Why the last of them failed. */
  lastError: Error | null = null
  /** Since when the cluster does not know the partition, on the monotonic clock. */
  unknownSinceMs: number | null = null
  readonly #batches = new Ring<UnsentBatch>()
  #open: UnsentBatch | null = null
  #identity: ProducerIdentity | null = null
  #nextSequence = 0

  constructor({ topic, partition }: TopicPartition) {
    this.at = { topic, partition }
  }

  /** The batch that takes messages. */
  get open(): UnsentBatch | null {
    return this.#open
  }

  get first(): UnsentBatch | undefined {
    return this.#batches.peek()
  }

  /** Under whose number the first batch was closed. */
  get identity(): ProducerIdentity | null {
    return this.#identity
  }

  /** From now on messages go into this one. */
  push(batch: UnsentBatch): void {
    this.#batches.push(batch)
    this.#open = batch
  }

  /** Puts others in the place of the first batch, which the broker has certainly not stored. */
  divide(pieces: readonly UnsentBatch[]): void {
    this.unnumber()
    this.#batches.shift()
    const others: UnsentBatch[] = []
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) others.push(batch)
    for (const batch of [...pieces, ...others]) this.#batches.push(batch)
  }

  /** The fate of a batch is known. */
  remove(batch: UnsentBatch): void {
    if (batch === this.#open) this.#open = null
    if (batch !== this.first) return this.#batches.remove(other => other === batch)
    this.#batches.shift()
    this.failures = 0
    this.lastError = null
  }

  /**
   * Closes the first batch and numbers its messages, so that the broker stores them once, however often they come. Under
   * another identity than before numbers begin at 0.
   */
  close(identity: ProducerIdentity, isTransactional: boolean): void {
    const batch = this.first
    if (batch === undefined || batch.bytes !== null) return
    if (this.#identity !== identity) {
      this.#identity = identity
      this.#nextSequence = 0
    }
    batch.close({ ...identity, baseSequence: this.#nextSequence, isTransactional, compression: 'none' })
    this.#nextSequence = sequenceAfter(this.#nextSequence, batch.count)
    if (batch === this.#open) this.#open = null
  }

  /** The broker has certainly not stored the first batch: its numbers are free again. */
  unnumber(): void {
    const batch = this.first
    if (batch === undefined || batch.bytes === null) return
    this.#nextSequence = sequenceAfter(this.#nextSequence, -batch.count)
    batch.bytes = null
  }
}

/** The number `count` messages further; after 2^31 - 1 comes 0. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count + 2 ** 31) % 2 ** 31
}
