import { ClosedError, CommitError, FencedError, SendError, TransportError } from '../../errors.js'
import type {
  Membership,
  Outgoing,
  OutgoingBatch,
  PartitionOffset,
  Producer,
  ProducerOptions,
} from '../../transport/transport.js'
import type { Link } from './link.js'
import { asCommitError } from './offsets.js'
import { maxMessageBytes, Outbox } from './outbox.js'
import type { BrokerState } from './state.js'
import type { ProducerSession } from './transactions.js'

/** A producer: its outbox, and the transaction that it has open. */
export class MemoryProducer implements Producer {
  readonly maxMessageBytes: number = maxMessageBytes
  readonly #link: Link
  readonly #broker: BrokerState
  readonly #session: ProducerSession
  readonly #outbox: Outbox
  readonly #detach: () => void
  #state: 'idle' | 'open' | 'ending' | 'closed' = 'idle'

  constructor(link: Link, broker: BrokerState, options: ProducerOptions) {
    const { transactionalId: id, transactionTimeoutMs: timeoutMs = 60_000 } = options
    const { producers } = broker
    this.#link = link
    this.#broker = broker
    this.#session = id === undefined ? producers.plain() : producers.transactional(id, { timeoutMs, clock: link.clock })
    this.#outbox = new Outbox(link, broker, this.#session)
    if (id !== undefined) this.#outbox.refuse = outside
    const end = (): void => this.#outbox.end(what => link.refusal(what))
    this.#detach = link.attach(end, () => this.close())
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
    this.#outbox.refuse = null
    this.#outbox.failed = null
  }

  async commit(offsets: readonly PartitionOffset[], membership: Membership | null): Promise<void> {
    const what = 'commit a transaction'
    this.#check(what)
    if (this.#state !== 'open')
      throw new TransportError(`Cannot ${what}: none is open, or it has failed. Abort it and begin another.`)
    this.#state = 'ending'
    this.#outbox.refuse = outside
    const copy = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
    await this.#outbox.flush()
    this.#check(what)
    this.#checkSent()
    await this.#end(what, { isCommit: true, offsets: copy, membership }).catch(asCommitError)
  }

  async abort(): Promise<void> {
    const what = 'abort a transaction'
    this.#check(what)
    if (this.#state === 'idle') return
    this.#state = 'ending'
    this.#outbox.refuse = outside
    this.#outbox.drop(({ topic, partition }) => aborted(topic, partition))
    await this.#outbox.flush()
    await this.#end(what, { isCommit: false, offsets: [], membership: null })
  }

  /** An open transaction is aborted: nobody else could end it before its time-out. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const isOpen = this.#state !== 'idle'
    this.#state = 'closed'
    this.#detach()
    this.#outbox.end(closed)
    const what = 'abort a transaction'
    if (isOpen) await this.#end(what, { isCommit: false, offsets: [], membership: null }).catch(() => undefined)
  }

  async #end(what: string, ending: Ending): Promise<void> {
    const { transactional } = this.#session
    if (transactional === null) return
    const topics = ending.offsets.map(({ topic }) => topic)
    const request = { what, operation: 'commit', topics, transactionalId: transactional.id } as const
    await this.#link.call<void>({ ...request, fence: () => transactional.fence() }, answer => {
      if (ending.offsets.length > 0) this.#hold(ending)
      transactional.end(this.#session, ending.isCommit)
      answer.resolve()
    })
    if (this.#state === 'ending') this.#state = 'idle'
  }

  /** The offsets go with the transaction, under the fencing of the membership. */
  #hold({ offsets, membership }: Ending): void {
    if (membership === null) throw new CommitError('Cannot commit offsets without a membership. Pass the one that join() gave.')
    for (const at of offsets) this.#broker.log(at, 'commit an offset of')
    const coordinator = this.#broker.coordinator(membership.groupId)
    coordinator.check(membership)
    this.#session.transactional?.join(this.#session).hold(coordinator, offsets)
  }

  #check(what: string): void {
    if (this.#link.isEnded) throw this.#link.refusal(what)
    if (this.#state === 'closed') throw closed(what)
    const { transactional } = this.#session
    if (transactional === null) {
      throw new TransportError(`Cannot ${what}: this producer has no transactionalId. Open one that has.`, { retriable: false })
    }
  }

  #checkSent(): void {
    const { failed } = this.#outbox
    if (failed === null) return
    if (failed.error instanceof FencedError) throw failed.error
    const { topic, partition, error } = failed
    const why = error?.message ?? 'unknown'
    throw new SendError(
      `Cannot commit a transaction: its messages for "${topic}"[${partition}] were not stored (${why}). Abort it.`,
      {
        topic,
        cause: error,
      },
    )
  }
}

interface Ending {
  readonly isCommit: boolean
  readonly offsets: readonly PartitionOffset[]
  readonly membership: Membership | null
}

function outside(what: string): TransportError {
  return new TransportError(`Cannot ${what}: no transaction is open. Call begin() first.`, { retriable: false })
}

function closed(what: string): ClosedError {
  return new ClosedError(`Cannot ${what}: the producer is closed. Open another one.`)
}

function aborted(topic: string, partition: number): SendError {
  return new SendError(`Did not send messages to "${topic}"[${partition}]: their transaction was aborted. Send them again.`, {
    topic,
  })
}
