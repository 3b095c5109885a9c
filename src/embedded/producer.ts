import { CommitError, TransportError } from '../errors.js'
import { outsideTransaction, producerClosed, requireStored, transactionAborted } from '../transport/producer-refusals.js'
import type { Membership, Outgoing, OutgoingBatch, PartitionOffset, Producer } from '../transport/transport.js'
import { maxMessageBytes } from './block/layout.js'
import { asCommitError } from './group/offsets.js'
import type { Lifetime } from './lifetime.js'
import type { OpenBatch } from './open-batch.js'
import { type Courier, Outbox } from './outbox.js'

/** A courier that also carries word of transactions. */
export interface ProducerCourier<Batch extends OpenBatch> extends Courier<Batch> {
  readonly isTransactional: boolean
  /** What is sent from now on belongs to another transaction. */
  begin(): void
  /** Ends the transaction that was begun last; ending it twice changes nothing. */
  end(ending: Ending): Promise<void>
  /** The producer says goodbye: a transaction that is open is aborted, since nobody else could end it before its time-out. */
  close(isTransactionOpen: boolean): Promise<void>
}

/** How a transaction ends. */
export interface Ending {
  /** For the error, after "Cannot". */
  readonly what: string
  readonly isCommit: boolean
  readonly offsets: readonly PartitionOffset[]
  readonly membership: Membership | null
}

/** A producer: its outbox, and the transaction that it has open. */
export class BatchProducer<Batch extends OpenBatch> implements Producer {
  readonly maxMessageBytes: number = maxMessageBytes
  readonly #life: Lifetime
  readonly #courier: ProducerCourier<Batch>
  readonly #outbox: Outbox<Batch>
  readonly #detach: () => void
  #state: 'idle' | 'open' | 'ending' | 'closed' = 'idle'

  constructor(life: Lifetime, courier: ProducerCourier<Batch>) {
    this.#life = life
    this.#courier = courier
    this.#outbox = new Outbox(life, courier)
    if (courier.isTransactional) this.#outbox.refuse = outsideTransaction
    const end = (): void => this.#outbox.end(what => life.refusal(what))
    this.#detach = life.attach(end, () => this.close())
  }

  append(message: Outgoing): OutgoingBatch {
    return this.#outbox.append(message)
  }

  get isFull(): boolean {
    return this.#outbox.isFull
  }

  drained(): Promise<void> {
    return this.#outbox.drained()
  }

  flush(): Promise<void> {
    return this.#outbox.flush()
  }

  async begin(): Promise<void> {
    const what = 'begin a transaction'
    this.#check(what)
    if (this.#state !== 'idle') throw new TransportError(`Cannot ${what}: one is open. Commit or abort it first.`)
    this.#state = 'open'
    this.#courier.begin()
    this.#outbox.refuse = null
    this.#outbox.failed = null
  }

  async commit(offsets: readonly PartitionOffset[], membership: Membership | null): Promise<void> {
    const what = 'commit a transaction'
    this.#check(what)
    if (this.#state !== 'open')
      throw new TransportError(`Cannot ${what}: none is open, or it has failed. Abort it and begin another.`)
    if (offsets.length > 0 && membership === null)
      throw new CommitError('Cannot commit offsets without a membership. Pass the one that join() gave.', { retriable: false })
    this.#state = 'ending'
    this.#outbox.refuse = outsideTransaction
    const copy = offsets.map(({ topic, partition, topicId, offset }) => ({ topic, partition, topicId, offset }))
    await this.#outbox.flush()
    this.#check(what)
    requireStored(this.#outbox.failed)
    await this.#end({ what, isCommit: true, offsets: copy, membership }).catch(asCommitError)
  }

  async abort(): Promise<void> {
    const what = 'abort a transaction'
    this.#check(what)
    if (this.#state === 'idle') return
    this.#state = 'ending'
    this.#outbox.refuse = outsideTransaction
    this.#outbox.drop(transactionAborted)
    await this.#outbox.flush()
    await this.#end({ what, isCommit: false, offsets: [], membership: null })
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const isOpen = this.#state !== 'idle'
    this.#state = 'closed'
    this.#detach()
    this.#outbox.end(producerClosed)
    await this.#courier.close(isOpen)
  }

  async #end(ending: Ending): Promise<void> {
    await this.#courier.end(ending)
    if (this.#state === 'ending') this.#state = 'idle'
  }

  #check(what: string): void {
    if (this.#life.isEnded) throw this.#life.refusal(what)
    if (this.#state === 'closed') throw producerClosed(what)
    if (!this.#courier.isTransactional) {
      throw new TransportError(`Cannot ${what}: this producer has no transactionalId. Open one that has.`, { retriable: false })
    }
  }
}
