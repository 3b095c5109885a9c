import { CommitError, TransportError, type FaustError } from '../../errors.js'
import { outsideTransaction, producerClosed, requireStored, transactionAborted } from '../../transport/producer-refusals.js'
import type {
  Membership,
  Outgoing,
  OutgoingBatch,
  PartitionOffset,
  Producer,
  ProducerOptions,
} from '../../transport/transport.js'
import { withLogId } from '../cluster/log-id.js'
import type { Link } from '../link.js'
import { Accumulator, mostMessageBytes } from './accumulator.js'
import { IdempotentAuthor } from './idempotent-author.js'
import { Sender } from './sender.js'
import { defaultMaxBytes, TopicLimits } from './topic-limits.js'
import { Transaction } from './transaction.js'

/** A producer: what gathers its messages, what sends them, and the transaction that it has open. */
export class KafkaProducer implements Producer {
  readonly maxMessageBytes: number = mostMessageBytes(defaultMaxBytes)
  /** Nobody has to close it any more. */
  onClosed: () => void = () => undefined
  readonly #cluster: Link['cluster']
  readonly #accumulator: Accumulator
  readonly #sender: Sender
  readonly #transaction: Transaction | null
  #state: 'idle' | 'open' | 'ending' | 'closed' = 'idle'
  #fatal: FaustError | null = null

  /** Throws `TransportError`. */
  static async open(link: Link, options: ProducerOptions): Promise<KafkaProducer> {
    const { transactionalId, transactionTimeoutMs = defaultTransactionTimeoutMs } = options
    if (transactionalId === undefined) return new KafkaProducer(link, await IdempotentAuthor.open(link))
    return new KafkaProducer(link, await Transaction.open({ cluster: link.cluster, transactionalId, transactionTimeoutMs }))
  }

  private constructor(link: Link, author: IdempotentAuthor | Transaction) {
    const { cluster, compression, context } = link
    this.#cluster = cluster
    const limits = new TopicLimits(cluster, context)
    const accumulator = new Accumulator({
      clock: context.clock,
      compression,
      limits,
      onBatch: queue => this.#sender.wake(queue),
    })
    this.#accumulator = accumulator
    this.#sender = new Sender({ link, author, accumulator, limits })
    this.#transaction = author instanceof Transaction ? author : null
    if (this.#transaction === null) return
    this.#transaction.onFatal = error => this.#onFatal(error)
    accumulator.refuse = outsideTransaction
  }

  append(message: Outgoing): OutgoingBatch {
    return this.#accumulator.append(message)
  }

  get isFull(): boolean {
    return this.#accumulator.isFull
  }

  drained(): Promise<void> {
    return this.#accumulator.drained()
  }

  flush(): Promise<void> {
    return this.#accumulator.flush()
  }

  async begin(): Promise<void> {
    const what = 'begin a transaction'
    const transaction = this.#transactionFor(what)
    if (this.#state !== 'idle') throw new TransportError(`Cannot ${what}: one is open. Commit or abort it first.`)
    this.#state = 'ending'
    try {
      await transaction.begin()
    } finally {
      this.#settleIdle()
    }
    this.#transactionFor(what)
    this.#state = 'open'
    this.#accumulator.refuse = null
    this.#accumulator.failed = null
    this.#accumulator.givenUp = null
  }

  async commit(offsets: readonly PartitionOffset[], membership: Membership | null): Promise<void> {
    const what = 'commit a transaction'
    const transaction = this.#transactionFor(what)
    if (this.#state !== 'open')
      throw new TransportError(`Cannot ${what}: none is open, or it has failed. Abort it and begin another.`)
    if (offsets.length > 0 && membership === null)
      throw new CommitError('Cannot commit offsets without a membership. Pass the one that join() gave.', { retriable: false })
    this.#stopAppending()
    const copy = offsets.map(at => withLogId(this.#cluster, at))
    await this.#accumulator.flush()
    this.#transactionFor(what)
    requireStored(this.#accumulator.failed)
    await transaction.commit(copy, membership).catch((error: unknown) => this.#refuseCommit(error))
    this.#settleIdle()
  }

  async abort(): Promise<void> {
    const transaction = this.#transactionFor('abort a transaction')
    if (this.#state === 'idle') return
    this.#stopAppending()
    this.#accumulator.giveUp(transactionAborted)
    await this.#accumulator.flush()
    await transaction.abort()
    this.#settleIdle()
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#accumulator.end(producerClosed)
    this.#sender.close()
    this.onClosed()
    if (this.#fatal === null) await this.#transaction?.close()
  }

  /** Throws where no transactions are to be had, or no more. */
  #transactionFor(what: string): Transaction {
    if (this.#state === 'closed') throw producerClosed(what)
    if (this.#fatal !== null) throw this.#fatal
    if (this.#transaction !== null) return this.#transaction
    const message = `Cannot ${what}: this producer has no transactionalId. Open one that has.`
    throw new TransportError(message, { retriable: false })
  }

  #stopAppending(): void {
    this.#state = 'ending'
    this.#accumulator.refuse = outsideTransaction
  }

  #settleIdle(): void {
    if (this.#state === 'ending') this.#state = 'idle'
  }

  /** What could not be committed now may be committed by another transaction; under a stale membership never. */
  #refuseCommit(error: unknown): never {
    if (!(error instanceof TransportError)) throw error
    throw new CommitError(error.message, { cause: error, retriable: this.#fatal === null })
  }

  #onFatal(error: FaustError): void {
    if (this.#state === 'closed') return
    this.#fatal ??= error
    this.#accumulator.refuse = () => error
    this.#accumulator.giveUp(() => error)
  }
}

/** As Kafka's own producers have it (transaction.timeout.ms). */
const defaultTransactionTimeoutMs = 60_000
