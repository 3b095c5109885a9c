import { FencedError } from '../../errors.js'
import type { Clock, Timer } from '../../lib/clock.js'
import type { PartitionOffset } from '../../transport/transport.js'
import type { Coordinator } from '../group/coordinator.js'
import type { PartitionLog, Transaction } from './log.js'

/** The broker's register of producers: their ids, and the transactions that they have open. */
export class ProducerRegister {
  readonly #byTransactionalId = new Map<string, TransactionalId>()
  #lastId = 0

  /** A producer without transactions. */
  plain(): ProducerSession {
    return { producerId: ++this.#lastId, epoch: 0, transactional: null }
  }

  /** Fences who had the transactional id before, and aborts what is open. */
  transactional(id: string, options: { timeoutMs: number; clock: Clock }): ProducerSession {
    let owner = this.#byTransactionalId.get(id)
    if (owner === undefined) this.#byTransactionalId.set(id, (owner = new TransactionalId(id, ++this.#lastId)))
    owner.fence()
    owner.timeoutMs = options.timeoutMs
    owner.clock = options.clock
    return { producerId: owner.producerId, epoch: owner.epoch, transactional: owner }
  }
}

/** Who a producer is to the broker. */
export interface ProducerSession {
  readonly producerId: number
  readonly epoch: number
  readonly transactional: TransactionalId | null
}

/** One transactional id: its newest producer and the transaction that is open. */
export class TransactionalId {
  readonly id: string
  readonly producerId: number
  epoch = -1
  timeoutMs = 0
  clock!: Clock
  #open: OpenTransaction | null = null
  #timer: Timer | null = null

  constructor(id: string, producerId: number) {
    this.id = id
    this.producerId = producerId
  }

  /** Throws `FencedError` unless the session is the newest. */
  check(session: ProducerSession): void {
    if (session.epoch === this.epoch) return
    throw new FencedError(
      `Cannot write as "${this.id}": a newer producer has this transactional id, or its transaction took longer than ` +
        `${this.timeoutMs} ms. Stop this one, or open a new producer.`,
    )
  }

  /** The transaction that a partition or a group joins; the first to join opens it. */
  join(session: ProducerSession): OpenTransaction {
    this.check(session)
    if (this.#open === null) {
      this.#open = new OpenTransaction()
      this.#timer = this.clock.after(this.timeoutMs, () => this.fence(), 'background')
    }
    return this.#open
  }

  /** Ending what is not open is no error: the answer may have been lost. */
  end(session: ProducerSession, isCommit: boolean): void {
    this.check(session)
    this.#end(isCommit)
  }

  /** Whoever has written under this id so far may not any more. */
  fence(): void {
    this.epoch++
    this.#end(false)
  }

  #end(isCommit: boolean): void {
    const transaction = this.#open
    this.#open = null
    this.#timer?.cancel()
    this.#timer = null
    transaction?.end(isCommit, this.clock.now())
  }
}

/** A transaction at the broker: where it has written, and the offsets that go with it. */
export class OpenTransaction implements Transaction {
  status: 'open' | 'committed' | 'aborted' = 'open'
  readonly logs: Set<PartitionLog> = new Set()
  readonly #held: { readonly coordinator: Coordinator; readonly offsets: readonly PartitionOffset[] }[] = []

  hold(coordinator: Coordinator, offsets: readonly PartitionOffset[]): void {
    this.#held.push({ coordinator, offsets })
  }

  /** The outcome is known before the first marker is written: readers that the marker wakes look at it. */
  end(isCommit: boolean, nowMs: number): void {
    this.status = isCommit ? 'committed' : 'aborted'
    for (const log of this.logs) log.mark(this, nowMs)
    if (isCommit) for (const { coordinator, offsets } of this.#held) coordinator.offsets.commit(offsets)
  }
}
