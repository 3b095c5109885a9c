import type { FaustError } from '../../errors.js'
import type { TopicPartition } from '../../transport/transport.js'
import type { Api, PartAnswer, PartsAnswer } from '../wire/api.js'
import type { ProduceArgs, ProducedPart } from '../wire/produce.js'
import type { ProducerIdentity } from '../wire/transaction.js'

/** In whose name batches are sent. */
export interface Author {
  /** Another object, even if equal, once numbers have to begin at 0 again. */
  readonly identity: ProducerIdentity
  /** `null` for one that is idempotent only. */
  readonly transactionalId: string | null
  readonly produce: Api<ProduceArgs, PartsAnswer<ProducedPart>>
  /** Whether batches for the partition may be sent; else `join` it first. */
  hasJoined(at: TopicPartition): boolean
  /** Adds partitions to the transaction. Rejects with `FaustError`. */
  join(partitions: readonly TopicPartition[]): Promise<readonly PartAnswer[]>
  /** Batches are about to be sent. */
  onSend(): void
  /**
   * The broker does not take batches under this identity: resolves with why the batch has finally failed, or with `null` when
   * it may be sent again under another identity.
   */
  onRefused(identity: ProducerIdentity, errorCode: number, what: string): Promise<FaustError | null>
}
