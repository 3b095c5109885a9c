import { TransportError } from '../../errors.js'
import type { ProduceAnswer } from '../wire/protocol.js'
import type { Partition } from './partition.js'

/** What the broker keeps of a producer. */
export interface Producer {
  /** Its last request that was stored: it is told the same when that comes again. */
  readonly told: Told | null
  /** Stored together with what it has written. */
  remember(told: Told): void
  /** For a block of its transaction `count`, the number that this has in the broker; 0 outside of one. Throws what forbids it. */
  join(count: number, partition: Partition): number
}

/** A request and its answer. */
export interface Told {
  readonly number: number
  readonly answer: ProduceAnswer
}

/** As it is stored. */
export interface PlainRecord {
  readonly told: Told
  readonly usedMs: number
}

/** A producer without transactions. */
export class PlainProducer implements Producer {
  told: Told | null
  usedMs: number
  readonly #store: (told: Told) => void

  constructor(record: PlainRecord | null, store: (told: Told) => void) {
    this.told = record?.told ?? null
    this.usedMs = record?.usedMs ?? 0
    this.#store = store
  }

  remember(told: Told): void {
    this.told = told
    this.#store(told)
  }

  join(count: number): number {
    if (count === 0) return 0
    throw new TransportError('Cannot write in a transaction: this producer has no transactionalId. Open one that has.', {
      retriable: false,
    })
  }
}
