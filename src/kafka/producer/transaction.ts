import { ClosedError, FencedError, type FaustError, TransportError } from '../../errors.js'
import type { Membership, TopicPartition } from '../../transport/transport.js'
import type { Cluster } from '../cluster/cluster.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'
import type { PartAnswer } from '../wire/api.js'
import type { CommitPart } from '../wire/offsets.js'
import { produce, produceInTransaction } from '../wire/produce.js'
import type { ProducerIdentity } from '../wire/transaction.js'
import type { Author } from './author.js'
import { TransactionRequests, type TransactionRequestsOptions } from './transaction-requests.js'

export interface TransactionOptions extends TransactionRequestsOptions {
  readonly cluster: Pick<Cluster, 'atCoordinator' | 'level'>
}

/**
 * The transactions of one transactional id, one after the other, in version 1 or 2 of the protocol, as the cluster has it. In
 * version 2 each has an epoch of its own, so that nothing of it can come into the next one; in version 1 a new epoch is asked
 * for wherever something might.
 */
export class Transaction implements Author {
  readonly transactionalId: string
  identity: ProducerIdentity
  /** Hears why this producer is of no use any more: it was fenced, or nobody knows whether it has committed. */
  onFatal: (error: FaustError) => void = () => undefined
  readonly #cluster: TransactionOptions['cluster']
  readonly #requests: TransactionRequests
  #isNewer = false
  /** The coordinator may know of a transaction that has to be ended. */
  #isOngoing = false
  readonly #joined = new Set<string>()
  #joining: Promise<unknown> = Promise.resolve()

  /** Fences older producers of the id, and aborts what they have open. Throws `TransportError`. */
  static async open(options: TransactionOptions): Promise<Transaction> {
    const requests = new TransactionRequests(options)
    return new Transaction(options.cluster, requests, await requests.identify(null))
  }

  private constructor(cluster: TransactionOptions['cluster'], requests: TransactionRequests, identity: ProducerIdentity) {
    this.#cluster = cluster
    this.#requests = requests
    this.transactionalId = requests.transactionalId
    this.identity = identity
  }

  get produce(): Author['produce'] {
    return this.#isNewer ? produceInTransaction : produce
  }

  hasJoined(at: TopicPartition): boolean {
    return this.#isNewer || this.#joined.has(nameOf(at))
  }

  async join(partitions: readonly TopicPartition[]): Promise<readonly PartAnswer[]> {
    this.#isOngoing = true
    const joining = this.#requests.addPartitions(this.identity, partitions)
    this.#joining = Promise.allSettled([this.#joining, joining])
    const parts = await joining
    for (const part of parts) {
      if (part.errorCode === 0) this.#joined.add(nameOf(part))
      if (fatal.has(part.errorCode)) throw this.#fatal(errorFor(part.errorCode, this.#what('write in')))
    }
    return parts
  }

  onSend(): void {
    this.#isOngoing = true
  }

  /** Never tried again under another identity: that would be another transaction. */
  onRefused(_identity: ProducerIdentity, errorCode: number, what: string): Promise<FaustError> {
    const error = errorFor(errorCode, what)
    return Promise.resolve(fatal.has(errorCode) ? this.#fatal(error) : error)
  }

  /** Rejects with `FencedError` where a newer producer has come. */
  async begin(): Promise<void> {
    if (this.#requests.isDoubtful) await this.#renew()
    this.#isNewer = this.#cluster.level('transaction.version') >= 2
  }

  /** Once all batches are stored. Rejects with `FencedError`, `TransportError`. */
  async commit(offsets: readonly CommitPart[], membership: Membership | null): Promise<void> {
    if (membership !== null && offsets.length > 0) {
      this.#isOngoing = true
      await this.#requests.commitOffsets(this.identity, membership, { offsets, isNewer: this.#isNewer })
    }
    await this.#end(true)
  }

  /** Once no batch is under way. Rejects as `commit` does. */
  async abort(): Promise<void> {
    await this.#joining
    await this.#end(false)
  }

  /** Says goodbye: what is open is aborted, since nobody else could end it before its time-out. Never rejects. */
  async close(): Promise<void> {
    if (this.#isOngoing) await this.#end(false, goodbyeMs).catch(() => undefined)
  }

  async #end(isCommitted: boolean, timeoutMs: number = patienceMs): Promise<void> {
    if (!this.#isOngoing) return
    const what = this.#what(isCommitted ? 'commit' : 'abort')
    const ended = await this.#requests
      .end(this.identity, { isCommitted, isNewer: this.#isNewer, timeoutMs })
      .catch((error: unknown) => this.#undecided(isCommitted, error as FaustError))
    const { errorCode, next } = ended
    if (fatal.has(errorCode)) throw this.#fatal(errorFor(errorCode, what))
    if (errorCode === errorCodes.INVALID_TXN_STATE) this.#missed(isCommitted)
    else if (errorCode !== 0) throw errorFor(errorCode, what)
    else if (next !== null) this.identity = next
    // A batch that failed may have left a gap in the numbers, or may still come.
    else if (!isCommitted) this.#requests.isDoubtful = true
    this.#isOngoing = false
    this.#joined.clear()
  }

  /** The coordinator has no such transaction, which is as good as aborted; what it has instead is not known. */
  #missed(isCommitted: boolean): void {
    this.#requests.isDoubtful = true
    if (!isCommitted) return
    const why = 'the broker has aborted it, since it took longer than its timeout'
    throw this.#fatal(new FencedError(`${this.#what('commit')}: ${why}. Open another producer, or raise the timeout.`))
  }

  /** Nobody knows how it has ended. Whoever guesses is wrong one day: another producer finds out by ending it. */
  #undecided(isCommitted: boolean, error: FaustError): never {
    if (!isCommitted || error instanceof ClosedError || error instanceof FencedError) throw error
    const message = `${this.#what('commit')}: whether it has been is not known (${error.message}). Open another producer, and read again what it has committed.`
    throw this.#fatal(new TransportError(message, { cause: error, retriable: false }))
  }

  async #renew(): Promise<void> {
    try {
      this.identity = await this.#requests.identify(this.identity)
    } catch (error) {
      throw error instanceof FencedError ? this.#fatal(error) : error
    }
  }

  #fatal(error: FaustError): FaustError {
    this.onFatal(error)
    return error
  }

  #what(verb: string): string {
    return `Cannot ${verb} the transaction of "${this.transactionalId}"`
  }
}

/** For an end that somebody waits for (max.block.ms of Kafka's own clients): another coordinator has taken over long before. */
const patienceMs = 60_000
/** For one that nobody waits for: the broker ends the transaction by itself at its time-out. */
const goodbyeMs = 2000

/** The identity is of no use any more. */
const fatal: ReadonlySet<number> = new Set([
  errorCodes.INVALID_PRODUCER_EPOCH,
  errorCodes.PRODUCER_FENCED,
  errorCodes.TRANSACTION_COORDINATOR_FENCED,
  errorCodes.INVALID_PRODUCER_ID_MAPPING,
])

function nameOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
