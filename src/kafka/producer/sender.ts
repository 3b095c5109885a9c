import type { FaustError } from '../../errors.js'
import { errorCodes } from '../error-codes.js'
import { LeaderSearch } from '../leader-search.js'
import type { Link } from '../link.js'
import { routeOf } from '../route.js'
import type { PartsAnswer } from '../wire/api.js'
import type { ProducedPart } from '../wire/produce.js'
import type { Author } from './author.js'
import type { PartitionQueue } from './partition-queue.js'
import type { UnsentBatch } from './unsent-batch.js'
import { Verdicts, type VerdictsOptions } from './verdicts.js'

export interface SenderOptions extends Pick<VerdictsOptions, 'accumulator' | 'limits'> {
  readonly link: Link
  readonly author: Author
}

/**
 * Takes batches to the leaders of their partitions: one request at a time to each broker, with the first batch of every
 * partition that waits. Whatever comes back, the partition's next attempt is made from here.
 */
export class Sender {
  readonly #options: SenderOptions
  readonly #waiting = new Set<PartitionQueue>()
  /** Brokers, by node id, that have a request to answer. */
  readonly #busy = new Set<number>()
  readonly #search: LeaderSearch<PartitionQueue>
  readonly #verdicts: Verdicts
  #isScheduled = false
  #isClosed = false

  constructor(options: SenderOptions) {
    const { cluster, context } = options.link
    this.#options = options
    this.#search = new LeaderSearch({
      cluster,
      log: context.log,
      onFound: (queues, failure) => this.#onSearched(queues, failure),
    })
    this.#verdicts = new Verdicts({
      ...options,
      context,
      onReady: queue => this.#queue(queue),
      onLost: queue => this.#lookFor(queue),
    })
  }

  /** There may be something to send of it. */
  wake(queue: PartitionQueue): void {
    if (queue.state === 'idle') this.#queue(queue)
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#isClosed = true
    this.#waiting.clear()
    this.#search.close()
    this.#verdicts.close()
  }

  #queue(queue: PartitionQueue): void {
    queue.state = 'waiting'
    this.#waiting.add(queue)
    this.#schedule()
  }

  #leave(queue: PartitionQueue, state: PartitionQueue['state']): void {
    queue.state = state
    this.#waiting.delete(queue)
  }

  /** At the end of the turn, so that what is appended in it goes together. */
  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    this.#options.link.context.clock.turn(() => {
      this.#isScheduled = false
      if (!this.#isClosed) this.#run()
    })
  }

  #run(): void {
    const ready = new Map<number, PartitionQueue[]>()
    const outside: PartitionQueue[] = []
    for (const queue of [...this.#waiting]) {
      const nodeId = this.#wayOf(queue)
      if (nodeId === null || this.#busy.has(nodeId)) continue
      if (!this.#options.author.hasJoined(queue.at)) outside.push(queue)
      else if (ready.has(nodeId)) ready.get(nodeId)?.push(queue)
      else ready.set(nodeId, [queue])
    }
    if (outside.length > 0) void this.#join(outside)
    for (const [nodeId, queues] of ready) void this.#send(nodeId, queues)
  }

  /** Node id of its leader; `null` when there is nothing to send, or nowhere to. */
  #wayOf(queue: PartitionQueue): number | null {
    this.#verdicts.dropLate(queue)
    if (queue.first === undefined) {
      this.#leave(queue, 'idle')
      return null
    }
    const route = routeOf(this.#options.link.cluster, queue.at)
    if (typeof route === 'number') {
      this.#verdicts.onNoWay(queue, route)
      return null
    }
    queue.unknownSinceMs = null
    return route.nodeId
  }

  async #join(queues: readonly PartitionQueue[]): Promise<void> {
    const { author, accumulator } = this.#options
    for (const queue of queues) this.#leave(queue, 'joining')
    try {
      const parts = await author.join(queues.map(({ at }) => at))
      const codes = new Map(parts.map(part => [nameOf(part), part.errorCode]))
      for (const queue of queues) this.#onJoined(queue, codes.get(nameOf(queue.at)) ?? 0)
    } catch (error) {
      for (const queue of queues) {
        accumulator.drop(() => error as Error, queue)
        this.#queue(queue)
      }
    }
  }

  #onJoined(queue: PartitionQueue, errorCode: number): void {
    // Not attempted: somebody else's partition was refused, and all the others with it.
    if (errorCode === 0 || errorCode === errorCodes.OPERATION_NOT_ATTEMPTED) this.#queue(queue)
    else if (queue.first === undefined) this.#leave(queue, 'idle')
    else this.#verdicts.onRefused(queue, errorCode)
  }

  async #send(nodeId: number, queues: readonly PartitionQueue[]): Promise<void> {
    const sent = this.#close(queues)
    this.#busy.add(nodeId)
    const answer = await this.#ask(nodeId, sent)
    this.#busy.delete(nodeId)
    if (answer instanceof Error) {
      for (const { queue, batch } of sent) this.#verdicts.onUnanswered(queue, batch, answer)
    } else {
      const parts = new Map(answer.partitions.map(part => [nameOf(part), part]))
      for (const { queue, batch } of sent) this.#verdicts.onAnswer(queue, batch, parts.get(nameOf(queue.at)))
    }
    // Others have waited for the broker.
    this.#schedule()
  }

  /** Closes the first batch of each, as far as they fit into a request; who has no room is among the first next time. */
  #close(queues: readonly PartitionQueue[]): Sent[] {
    const { identity, transactionalId } = this.#options.author
    const sent: Sent[] = []
    let bytes = 0
    for (const queue of queues) {
      const batch = queue.first
      if (batch === undefined || (bytes > 0 && bytes + batch.size > mostRequestBytes)) continue
      bytes += batch.size
      queue.close(identity, transactionalId !== null)
      this.#leave(queue, 'sending')
      sent.push({ queue, batch })
    }
    return sent
  }

  async #ask(nodeId: number, sent: readonly Sent[]): Promise<PartsAnswer<ProducedPart> | Error> {
    const { author, link } = this.#options
    const partitions = sent.map(({ queue, batch }) => ({ ...queue.at, batch: batch.bytes ?? noBytes }))
    author.onSend()
    try {
      const connection = link.cluster.connection(nodeId, 'produce')
      const args = { transactionalId: author.transactionalId, timeoutMs: replicasMs, partitions }
      return await connection.send(author.produce, args, replicasMs + patienceMs)
    } catch (error) {
      return error as Error
    }
  }

  #lookFor(queue: PartitionQueue): void {
    this.#leave(queue, 'searching')
    this.#search.add(queue)
  }

  #onSearched(queues: readonly PartitionQueue[], failure: FaustError | null): void {
    for (const queue of queues) {
      if (failure !== null) this.#options.accumulator.drop(() => failure, queue)
      this.#queue(queue)
    }
  }
}

/** A queue's first batch on its way. */
interface Sent {
  readonly queue: PartitionQueue
  readonly batch: UnsentBatch
}

/** How long the leader may wait for its replicas, and to answer besides. */
const replicasMs = 30_000
const patienceMs = 5000

/** Of one request, unless a single batch has more. */
const mostRequestBytes = 8 * 1024 * 1024

const noBytes = Buffer.alloc(0)

function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${partition} ${topic}`
}
