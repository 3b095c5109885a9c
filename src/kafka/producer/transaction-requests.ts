import type { Membership, TopicPartition } from '../../transport/transport.js'
import type { Cluster } from '../cluster/cluster.js'
import { leftOut } from '../cluster/left-out.js'
import { errorFor } from '../wire/error-codes.js'
import type { Api, PartAnswer } from '../wire/api.js'
import type { CommitPart } from '../wire/offsets.js'
import {
  addOffsetsToTransaction,
  addPartitionsToTransaction,
  commitAddedOffsets,
  commitOffsetsInTransaction,
  endTransaction,
  endTransactionWithNewEpoch,
  initProducerId,
  type ProducerIdentity,
} from '../wire/transaction.js'

export interface TransactionRequestsOptions {
  readonly cluster: Pick<Cluster, 'atCoordinator'>
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
}

/** How a transaction ended: an error code, and the identity for the next one where the broker has given it. */
export interface Ended {
  readonly errorCode: number
  readonly next: ProducerIdentity | null
}

/** What is asked of the coordinator of one transactional id. Version 2 of the protocol is meant by `isNewer`. */
export class TransactionRequests {
  readonly transactionalId: string
  /** Whether something of this epoch may still come to a coordinator, much too late: it must not find the epoch in use. */
  isDoubtful = false
  readonly #options: TransactionRequestsOptions

  constructor(options: TransactionRequestsOptions) {
    this.#options = options
    this.transactionalId = options.transactionalId
  }

  /** The next identity after `current`, or one that fences everybody. Rejects with `FencedError`, `TransportError`. */
  async identify(current: ProducerIdentity | null): Promise<ProducerIdentity> {
    const { transactionTimeoutMs } = this.#options
    const what = `Cannot open the transactional producer "${this.transactionalId}"`
    const args = { transactionalId: this.transactionalId, transactionTimeoutMs, ...(current && { current }) }
    const { errorCode, producerId, producerEpoch } = await this.#ask(initProducerId, args, { what })
    if (errorCode !== 0) throw errorFor(errorCode, what)
    this.isDoubtful = false
    return { producerId, producerEpoch }
  }

  /** Needed in version 1 before the first batch of each partition. */
  async addPartitions(identity: ProducerIdentity, partitions: readonly TopicPartition[]): Promise<readonly PartAnswer[]> {
    const what = `Cannot add partitions to the transaction of "${this.transactionalId}"`
    const args = { ...identity, transactionalId: this.transactionalId, partitions }
    return (await this.#ask(addPartitionsToTransaction, args, { what })).partitions
  }

  /** Rejects with `FencedError` for a membership that is over, and with `TransportError`. */
  async commitOffsets(
    identity: ProducerIdentity,
    { groupId, memberId, instanceId, generation }: Membership,
    { offsets, isNewer }: { readonly offsets: readonly CommitPart[]; readonly isNewer: boolean },
  ): Promise<void> {
    const what = `Cannot commit the offsets of group "${groupId}"`
    const of = { ...identity, transactionalId: this.transactionalId, groupId }
    if (!isNewer) {
      const { errorCode } = await this.#ask(addOffsetsToTransaction, of, { what })
      if (errorCode !== 0) throw errorFor(errorCode, what)
    }
    const { partitions } = await this.#options.cluster.atCoordinator(
      { kind: 'group', key: groupId },
      isNewer ? commitOffsetsInTransaction : commitAddedOffsets,
      { what, args: { ...of, memberId, instanceId, generation, partitions: offsets }, onUnanswered: this.#doubt },
    )
    const refused = partitions.find(part => part.errorCode !== 0)
    if (refused) throw errorFor(refused.errorCode, `${what} for "${refused.topic}"[${refused.partition}]`, { right: 'Read' })
    const isAnswered = (at: TopicPartition): boolean =>
      partitions.some(part => part.topic === at.topic && part.partition === at.partition)
    const unanswered = offsets.find(at => !isAnswered(at))
    if (unanswered) throw leftOut(what, unanswered)
  }

  async end(
    identity: ProducerIdentity,
    { isCommitted, isNewer, timeoutMs }: { readonly isCommitted: boolean; readonly isNewer: boolean; readonly timeoutMs: number },
  ): Promise<Ended> {
    const what = `Cannot ${isCommitted ? 'commit' : 'abort'} the transaction of "${this.transactionalId}"`
    const args = { ...identity, transactionalId: this.transactionalId, isCommitted }
    if (!isNewer) return { ...(await this.#ask(endTransaction, args, { what, timeoutMs })), next: null }
    const { errorCode, producerId, producerEpoch } = await this.#ask(endTransactionWithNewEpoch, args, { what, timeoutMs })
    if (errorCode === 0) this.isDoubtful = false
    return { errorCode, next: { producerId, producerEpoch } }
  }

  #ask<Args, Answer>(
    api: Api<Args, Answer>,
    args: Args,
    options: { readonly what: string; readonly timeoutMs?: number },
  ): Promise<Answer> {
    const of = { kind: 'transaction', key: this.transactionalId } as const
    return this.#options.cluster.atCoordinator(of, api, { ...options, args, onUnanswered: this.#doubt })
  }

  readonly #doubt = (): void => void (this.isDoubtful = true)
}
