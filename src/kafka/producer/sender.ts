import type { FaustError } from '../../errors.js'
import { errorCodes } from '../wire/error-codes.js'
import { LeaderSearch } from '../cluster/leader-search.js'
import type { Link } from '../link.js'
import { routeOf } from '../cluster/route.js'
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
 * partition that waits for it. Whatever comes back, the partition's next attempt is made from here.
 */
export class Sender {
  readonly #options: SenderOptions
  /** Queues that have something to send, since the last turn. */
  #woken: PartitionQueue[] = []
  /** By node id. */
  readonly #lines = new Map<number, Line>()
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
    this.#search.close()
    this.#verdicts.close()
  }

  #queue(queue: PartitionQueue): void {
    queue.state = 'waiting'
    this.#woken.push(queue)
    this.#schedule()
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
    const outside: PartitionQueue[] = []
    for (const queue of this.#woken.splice(0)) {
      const nodeId = this.#wayOf(queue)
      if (nodeId === null) continue
      if (this.#options.author.hasJoined(queue.at)) this.#lineTo(nodeId).waiting.add(queue)
      else outside.push(queue)
    }
    if (outside.length > 0) void this.#join(outside)
    for (const line of this.#lines.values()) if (!line.isBusy && line.waiting.size > 0) void this.#send(line)
  }

  #lineTo(nodeId: number): Line {
    let line = this.#lines.get(nodeId)
    if (line === undefined) this.#lines.set(nodeId, (line = { nodeId, isBusy: false, waiting: new Set() }))
    return line
  }

  /** Node id of its leader; `null` when there is nothing to send, or nowhere to. */
  #wayOf(queue: PartitionQueue): number | null {
    this.#verdicts.dropLate(queue)
    if (queue.first === undefined) {
      queue.state = 'idle'
      queue.unknownSinceMs = null
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
    for (const queue of queues) queue.state = 'joining'
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
    else if (queue.first === undefined) queue.state = 'idle'
    else this.#verdicts.onRefused(queue, errorCode)
  }

  async #send(line: Line): Promise<void> {
    const sent = this.#close(line)
    if (sent.length === 0) return
    line.isBusy = true
    const answer = await this.#ask(line.nodeId, sent)
    line.isBusy = false
    if (answer instanceof Error) {
      for (const { queue, batch } of sent) this.#verdicts.onUnanswered(queue, batch, answer)
    } else {
      const parts = new Map(answer.partitions.map(part => [nameOf(part), part]))
      for (const { queue, batch } of sent) this.#verdicts.onAnswer(queue, batch, parts.get(nameOf(queue.at)))
    }
    // Others have waited for the broker.
    this.#schedule()
  }

  /** Closes the first batches of those that wait, as far as they fit into a request; the others are first the next time. */
  #close({ nodeId, waiting }: Line): Sent[] {
    const { author } = this.#options
    const sent: Sent[] = []
    let bytes = 0
    for (const queue of waiting) {
      const batch = queue.first
      const isFitting = batch === undefined || bytes === 0 || bytes + batch.size <= mostRequestBytes
      if (!isFitting) break
      waiting.delete(queue)
      const way = this.#wayOf(queue)
      if (way === nodeId && batch !== undefined && batch === queue.first) {
        bytes += batch.size
        queue.close(author.identity, author.transactionalId !== null)
        queue.state = 'sending'
        sent.push({ queue, batch })
      } else if (way !== null) this.#queue(queue)
    }
    return sent
  }

  async #ask(nodeId: number, sent: readonly Sent[]): Promise<PartsAnswer<ProducedPart> | Error> {
    const { author, link } = this.#options
    const partitions = sent.map(({ queue, batch }) => ({ ...queue.at, batch: batch.bytes ?? noBytes }))
    author.onSend()
    try {
      const args = { transactionalId: author.transactionalId, timeoutMs: replicasMs, partitions }
      const leader = { nodeId, purpose: 'produce', partitions } as const
      return await link.cluster.atLeader(leader, author.produce, { args, timeoutMs: replicasMs + patienceMs })
    } catch (error) {
      return error as Error
    }
  }

  #lookFor(queue: PartitionQueue): void {
    queue.state = 'searching'
    this.#search.add(queue)
  }

  #onSearched(queues: readonly PartitionQueue[], failure: FaustError | null): void {
    for (const queue of queues) {
      if (failure?.retriable) queue.unknownSinceMs = null
      else if (failure !== null) this.#options.accumulator.drop(() => failure, queue)
      this.#queue(queue)
    }
  }
}

/** The way to one broker. */
interface Line {
  readonly nodeId: number
  /** It has a request to answer. */
  isBusy: boolean
  /** In the order in which they came. */
  readonly waiting: Set<PartitionQueue>
}

/** A queue's first batch on its way. */
interface Sent {
  readonly queue: PartitionQueue
  readonly batch: UnsentBatch
}

/** How long the leader may wait for its replicas: as long as one may lag until it does not count (replica.lag.time.max.ms). */
const replicasMs = 30_000
/** … and how long it may take to answer besides. */
const patienceMs = 5000

/** Of one request, unless a single batch has more. */
const mostRequestBytes = 8 * 1024 * 1024

const noBytes = Buffer.alloc(0)

function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${partition} ${topic}`
}
