import { FaustError, TransportError } from '../../errors.js'
import { exponential, type Backoff } from '../../lib/backoff.js'
import { sleep } from '../../lib/clock.js'
import type { ConnectionContext } from '../../transport/transport.js'
import { actOn, errorCodes, errorFor, isTelling } from '../wire/error-codes.js'
import { isPassing, missing, unknownTopicMs } from '../cluster/route.js'
import type { ProducedPart } from '../wire/produce.js'
import type { Accumulator } from './accumulator.js'
import type { Author } from './author.js'
import type { PartitionQueue } from './partition-queue.js'
import type { TopicLimits } from './topic-limits.js'
import type { UnsentBatch } from './unsent-batch.js'

export interface VerdictsOptions {
  readonly context: Pick<ConnectionContext, 'clock' | 'log' | 'random'>
  readonly author: Author
  /** Hears what became of the batches. */
  readonly accumulator: Pick<Accumulator, 'settle' | 'drop' | 'divide' | 'fail' | 'givenUp'>
  readonly limits: Pick<TopicLimits, 'ask' | 'lower'>
  /** The queue may be sent from, if there is anything in it. */
  readonly onReady: (queue: PartitionQueue) => void
  /** The queue's leader has to be found. */
  readonly onLost: (queue: PartitionQueue) => void
}

/** Decides after each attempt: stored, not stored, or to be tried again, which is done in order until time is over. */
export class Verdicts {
  readonly #options: VerdictsOptions
  readonly #pause: Backoff
  readonly #closing = new AbortController()

  constructor(options: VerdictsOptions) {
    this.#options = options
    this.#pause = exponential({ initialMs: 10, maxMs: 1000, random: options.context.random })
  }

  close(): void {
    this.#closing.abort()
  }

  /** The broker has answered; `undefined` when it has left this one out. */
  onAnswer(queue: PartitionQueue, batch: UnsentBatch, part: ProducedPart | undefined): void {
    const { accumulator, onReady } = this.#options
    const errorCode = part?.errorCode ?? errorCodes.LEADER_NOT_AVAILABLE
    if (queue.first !== batch) onReady(queue)
    else if (errorCode === 0 || errorCode === errorCodes.DUPLICATE_SEQUENCE_NUMBER) {
      batch.baseOffset = part?.baseOffset ?? -1
      accumulator.settle(queue, null)
      onReady(queue)
    } else if (aboutTheAuthor.has(errorCode)) void this.#onAuthorRefused(queue, batch, errorCode)
    else if (tooLarge.has(errorCode)) this.#onTooLarge(queue, batch, errorCode)
    else if (part !== undefined && part.recordErrors.length > 0) this.#onRecordsRefused(queue, batch, part)
    else this.onRefused(queue, errorCode, part?.errorMessage)
  }

  /** Nobody knows whether the batch was stored: it is sent again just as it was. */
  onUnanswered(queue: PartitionQueue, batch: UnsentBatch, error: Error): void {
    if (queue.first !== batch) this.#options.onReady(queue)
    else if (error instanceof FaustError && error.retriable) this.#retry(queue, error, errorCodes.NETWORK_EXCEPTION)
    else this.#fail(queue, error, false)
  }

  /** The first batch was not taken. */
  onRefused(queue: PartitionQueue, errorCode: number, said: string | null = null): void {
    const error = errorFor(errorCode, whatOf(queue), { said, right: 'Write' })
    if (isPassing(errorCode)) this.#retry(queue, error, errorCode)
    else this.#fail(queue, error, isTelling(errorCode))
  }

  /**
   * The metadata knows no leader. What waits for a partition that does not exist waits no longer; a refusal counts when it is
   * looked at anew, since a right may have been granted meanwhile.
   */
  onNoWay(queue: PartitionQueue, errorCode: number): void {
    const { accumulator, context, onLost } = this.#options
    const nowMs = context.clock.elapsed()
    const isUnknown = errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    const isRefused = !isPassing(errorCode) && queue.unknownSinceMs !== null
    if (isUnknown || !isPassing(errorCode)) queue.unknownSinceMs ??= nowMs
    const isMissing = isUnknown && nowMs - (queue.unknownSinceMs ?? nowMs) >= unknownTopicMs
    if (isMissing || isRefused) {
      const what = whatOf(queue)
      const error = isMissing ? missing(what, queue.at) : errorFor(errorCode, what, { right: 'Write' })
      queue.unknownSinceMs = null
      accumulator.drop(() => error, queue)
    }
    // Also what was appended by whoever has heard of it just now, so that nothing runs in a circle.
    onLost(queue)
  }

  /** Fails batches that have waited too long, or that nobody wants to be stored any more. */
  dropLate(queue: PartitionQueue): void {
    const { accumulator, context } = this.#options
    if (accumulator.givenUp !== null) accumulator.drop(accumulator.givenUp, queue)
    const lateMs = context.clock.elapsed() - deliveryMs
    const { lastError } = queue
    for (let batch = queue.first; batch !== undefined && batch.openedMs <= lateMs; batch = queue.first) {
      const message = `${whatOf(queue)} within ${deliveryMs / 1000} s. ${lastError?.message ?? 'The broker was busy.'}`
      accumulator.settle(queue, new TransportError(message, { cause: lastError ?? undefined }))
    }
  }

  #onTooLarge(queue: PartitionQueue, batch: UnsentBatch, errorCode: number): void {
    const { accumulator, limits, onReady } = this.#options
    if (!mayBeDivided(queue, batch)) return void this.#failTooLarge(queue, batch, errorCode)
    limits.lower(batch.topic, batch.size)
    accumulator.divide(queue, [batch.count >> 1])
    onReady(queue)
  }

  async #failTooLarge(queue: PartitionQueue, batch: UnsentBatch, errorCode: number): Promise<void> {
    const { topic, partition, count, size } = batch
    queue.state = 'pausing'
    const limit = await this.#options.limits.ask(topic)
    if (queue.first !== batch) return this.#options.onReady(queue)
    const messages = count === 1 ? 'a message' : `${count} messages`
    const allowed = limit === null ? '' : `, whose max.message.bytes is ${limit}`
    const what = `Cannot store ${messages} of ${size} bytes in "${topic}"[${partition}]${allowed}`
    this.#fail(queue, errorFor(errorCode, what))
  }

  /** The broker names those that it does not take; the others are stored without them. */
  #onRecordsRefused(queue: PartitionQueue, batch: UnsentBatch, { errorCode, errorMessage, recordErrors }: ProducedPart): void {
    const { accumulator, onReady } = this.#options
    const refused = new Map(recordErrors.map(({ place, message }) => [place, message ?? errorMessage]))
    const places = Array.from({ length: batch.count }, (_, place) => place)
    const bounds = places.filter(place => place > 0 && refused.has(place) !== refused.has(place - 1))
    if (bounds.length === 0 || !mayBeDivided(queue, batch)) {
      return this.onRefused(queue, errorCode, recordErrors[0]?.message ?? errorMessage)
    }
    for (const [index, piece] of accumulator.divide(queue, bounds).entries()) {
      const said = refused.get([0, ...bounds][index] ?? 0)
      if (said !== undefined) accumulator.fail(queue, piece, errorFor(errorCode, whatOf(queue), { said }))
    }
    onReady(queue)
  }

  async #onAuthorRefused(queue: PartitionQueue, batch: UnsentBatch, errorCode: number): Promise<void> {
    const { author, onReady } = this.#options
    const error = await author.onRefused(queue.identity ?? author.identity, errorCode, whatOf(queue))
    if (queue.first !== batch) return onReady(queue)
    if (error !== null) return this.#fail(queue, error)
    queue.unnumber()
    this.#retry(queue, errorFor(errorCode, whatOf(queue)), errorCode)
  }

  #retry(queue: PartitionQueue, error: FaustError, errorCode: number): void {
    queue.failures++
    queue.lastError = error
    this.#options.context.log.debug({ ...queue.at, failures: queue.failures }, error.message)
    if (actOn(errorCode) === 'find-leader') this.#options.onLost(queue)
    else void this.#pauseFor(queue)
  }

  async #pauseFor(queue: PartitionQueue): Promise<void> {
    const { context, onReady } = this.#options
    const { signal } = this.#closing
    queue.state = 'pausing'
    await sleep(context.clock, this.#pause.delayMs(queue.failures), { kind: 'work', signal })
    if (!signal.aborted) onReady(queue)
  }

  /** The first batch will not be stored. If it certainly was not, the broker will not miss it when the next one comes. */
  #fail(queue: PartitionQueue, error: Error, isCertain = true): void {
    if (isCertain && queue.failures === 0) queue.unnumber()
    this.#options.accumulator.settle(queue, error)
    this.#options.onReady(queue)
  }
}

/** From the first message of a batch on, it may take so long until it is acknowledged. */
const deliveryMs = 120_000

const tooLarge: ReadonlySet<number> = new Set([errorCodes.MESSAGE_TOO_LARGE, errorCodes.RECORD_LIST_TOO_LARGE])

/** Never what may have been stored by an earlier try: its messages would be stored again under other numbers. */
function mayBeDivided({ failures }: PartitionQueue, { count }: UnsentBatch): boolean {
  return failures === 0 && count > 1
}

/** Codes that are not about the batch but about who sends it. */
const aboutTheAuthor: ReadonlySet<number> = new Set([
  errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER,
  errorCodes.UNKNOWN_PRODUCER_ID,
  errorCodes.INVALID_PRODUCER_EPOCH,
  errorCodes.INVALID_PRODUCER_ID_MAPPING,
  errorCodes.PRODUCER_FENCED,
  errorCodes.TRANSACTION_COORDINATOR_FENCED,
  errorCodes.INVALID_TXN_STATE,
  errorCodes.TRANSACTION_ABORTABLE,
])

function whatOf({ at: { topic, partition } }: PartitionQueue): string {
  return `Cannot store messages of "${topic}"[${partition}]`
}
