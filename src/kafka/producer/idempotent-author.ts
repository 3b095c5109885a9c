import type { FaustError } from '../../errors.js'
import type { TopicPartition } from '../../transport/transport.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'
import type { Link } from '../link.js'
import type { PartAnswer } from '../wire/api.js'
import { produce } from '../wire/produce.js'
import { initProducerId, type ProducerIdentity } from '../wire/transaction.js'
import type { Author } from './author.js'

/** Writes outside of transactions; takes another identity when brokers have lost track of the one it had. */
export class IdempotentAuthor implements Author {
  readonly transactionalId: null = null
  readonly produce: Author['produce'] = produce
  identity: ProducerIdentity
  readonly #link: Link
  #renewing: Promise<FaustError | null> | null = null

  /** Throws `TransportError`, but not for want of a right: whoever only reads needs none to write. */
  static async open(link: Link): Promise<IdempotentAuthor> {
    const { errorCode, ...identity } = await askIdentity(link)
    if (errorCode === errorCodes.CLUSTER_AUTHORIZATION_FAILED) return new IdempotentAuthor(link, nobody)
    if (errorCode !== 0) throw errorFor(errorCode, what)
    return new IdempotentAuthor(link, identity)
  }

  private constructor(link: Link, identity: ProducerIdentity) {
    this.#link = link
    this.identity = identity
  }

  hasJoined(): boolean {
    return this.identity !== nobody
  }

  /** The right to write may have been granted since. Where that cannot be known yet, batches wait for as long as others do. */
  async join(partitions: readonly TopicPartition[]): Promise<readonly PartAnswer[]> {
    const refusal = await (this.#renewing ??= this.#renew())
    if (refusal === null) return []
    if (!refusal.retriable) throw refusal
    return partitions.map(({ topic, partition }) => ({ topic, partition, errorCode: errorCodes.NETWORK_EXCEPTION }))
  }

  onSend(): void {}

  /**
   * A gap means that the broker has lost, or never got, what came before: what it refuses now it has not stored. Under another
   * identity it takes it, and others go on under theirs.
   */
  onRefused(identity: ProducerIdentity, errorCode: number, what: string): Promise<FaustError | null> {
    if (!lostTrack.has(errorCode)) return Promise.resolve(errorFor(errorCode, what))
    if (identity !== this.identity) return Promise.resolve(null)
    const facts = { producerId: identity.producerId, errorCode }
    this.#link.context.log.debug(facts, 'a broker has lost track of this producer: going on under another id')
    return (this.#renewing ??= this.#renew())
  }

  async #renew(): Promise<FaustError | null> {
    try {
      const { errorCode, ...identity } = await askIdentity(this.#link)
      if (errorCode !== 0) return errorFor(errorCode, what)
      this.identity = identity
      return null
    } catch (error) {
      return error as FaustError
    } finally {
      this.#renewing = null
    }
  }
}

const lostTrack: ReadonlySet<number> = new Set([
  errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER,
  errorCodes.UNKNOWN_PRODUCER_ID,
  errorCodes.INVALID_PRODUCER_EPOCH,
  errorCodes.INVALID_PRODUCER_ID_MAPPING,
])

/** In whose name nothing can be sent. */
const nobody: ProducerIdentity = { producerId: -1, producerEpoch: -1 }

const what = 'Cannot open a producer'

async function askIdentity({ cluster }: Link): Promise<ProducerIdentity & { readonly errorCode: number }> {
  const args = { transactionalId: null, transactionTimeoutMs: 0 }
  const { errorCode, producerId, producerEpoch } = await cluster.atAny(initProducerId, args, { what })
  return { errorCode, producerId, producerEpoch }
}
