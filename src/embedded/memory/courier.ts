import type { FaustError } from '../../errors.js'
import type { ProducerOptions, TopicPartition } from '../../transport/transport.js'
import type { Ending, ProducerCourier } from '../producer.js'
import type { Link, Request } from './link.js'
import { OpenColumns, Slab, SlabBatch } from './slab-batch.js'
import type { BrokerState } from './state.js'
import type { ProducerSession } from './transactions.js'

/** Stores a producer's batches where readers find the very bytes that were written. */
export class MemoryCourier implements ProducerCourier<SlabBatch> {
  readonly maxBytes: number = Infinity
  readonly isTransactional: boolean
  readonly #link: Link
  readonly #broker: BrokerState
  readonly #session: ProducerSession
  readonly #spareColumns: OpenColumns[] = []
  #slab = new Slab(firstSlabBytes)
  #sequence = 0

  constructor(link: Link, broker: BrokerState, options: ProducerOptions) {
    const { transactionalId: id, transactionTimeoutMs: timeoutMs = 60_000 } = options
    const { producers } = broker
    this.#link = link
    this.#broker = broker
    this.#session = id === undefined ? producers.plain() : producers.transactional(id, { timeoutMs, clock: link.clock })
    this.isTransactional = id !== undefined
  }

  open({ topic, partition }: TopicPartition, bytes: number): SlabBatch {
    if (!this.#slab.hasRoomFor(bytes)) {
      this.#slab = new Slab(Math.max(bytes, Math.min(this.#slab.buffer.length * 2, maxSlabBytes)))
    }
    const at = { topic, partition, sequence: this.#sequence++ }
    return new SlabBatch(at, this.#slab, this.#spareColumns.pop() ?? new OpenColumns())
  }

  send(batches: readonly SlabBatch[], stored: (errors: readonly (Error | null)[]) => void): void {
    this.#link.attempt(this.#request(batches), isAnswerLost => {
      const errors = batches.map(batch => this.#store(batch))
      if (isAnswerLost) return
      for (const { columns } of batches) if (this.#spareColumns.length < maxSpareColumns) this.#spareColumns.push(columns)
      stored(errors)
    })
  }

  /** A transaction opens with what joins it first. */
  begin(): void {
    return undefined
  }

  async end(ending: Ending): Promise<void> {
    const { transactional } = this.#session
    if (transactional === null) return
    const topics = ending.offsets.map(({ topic }) => topic)
    const request = { what: ending.what, operation: 'commit', topics, transactionalId: transactional.id } as const
    await this.#link.call<void>({ ...request, fence: () => transactional.fence() }, answer => {
      this.#hold(ending)
      transactional.end(this.#session, ending.isCommit)
      answer.resolve()
    })
  }

  async close(isTransactionOpen: boolean): Promise<void> {
    if (!isTransactionOpen) return
    const ending = { what: 'abort a transaction', isCommit: false, offsets: [], membership: null }
    await this.end(ending).catch(() => undefined)
  }

  #request(batches: readonly SlabBatch[]): Request {
    if (this.#link.faults === null) return plainRequest
    const { transactional } = this.#session
    const topics = [...new Set(batches.map(({ topic }) => topic))]
    return { ...plainRequest, topics, transactionalId: transactional?.id, fence: () => transactional?.fence() }
  }

  #store(batch: SlabBatch): Error | null {
    const { transactional, producerId, epoch } = this.#session
    try {
      const transaction = transactional?.join(this.#session) ?? null
      const log = this.#broker.log(batch, 'write to')
      transaction?.logs.add(log)
      batch.baseOffset = log.append(batch, { producerId, epoch, transaction, nowMs: this.#link.clock.now() })
      return null
    } catch (error) {
      return error as FaustError
    }
  }

  /** The offsets go with the transaction, under the fencing of the membership. */
  #hold({ offsets, membership }: Ending): void {
    if (membership === null) return
    for (const at of offsets) this.#broker.log(at, 'commit an offset of')
    const coordinator = this.#broker.coordinator(membership.groupId)
    coordinator.check(membership)
    this.#session.transactional?.join(this.#session).hold(coordinator, offsets)
  }
}

const plainRequest: Request = { what: 'store messages', operation: 'produce' }
const firstSlabBytes = 16 * 1024
const maxSlabBytes = 1024 * 1024
const maxSpareColumns = 64
