import type { TransportError } from '../../errors.js'
import { Ring } from '../../lib/ring.js'
import { topicDeleted } from '../../transport/reader-refusals.js'
import { blocksFrame } from '../wire/frame-codec.js'
import { type Answer, type FetchAnswer, type FetchRequest, frameKind } from '../wire/protocol.js'
import type { Partition } from './partition.js'
import type { Question } from './question.js'
import type { BrokerState } from './state.js'

/** One client's fetches: each is answered once there is something to say, in turn, and only while the client takes the answers. */
export class FetchQueue {
  readonly #state: BrokerState
  readonly #isTaking: () => boolean
  /** Those that may have something to say. */
  readonly #ready = new Ring<Fetch>()
  #isRunning = false

  constructor(state: BrokerState, isTaking: () => boolean) {
    this.#state = state
    this.#isTaking = isTaking
  }

  add(request: FetchRequest, question: Question<Answer<'fetch'>>): void {
    const fetch = new Fetch(request, question, () => this.#wake(fetch))
    question.wait(() => fetch.rest())
    this.#wake(fetch)
  }

  /** Goes on, if it has stopped because the client did not take more. */
  run(): void {
    if (this.#isRunning || this.#ready.length === 0 || !this.#isTaking()) return
    this.#isRunning = true
    this.#state.clock.turn(() => void this.#round())
  }

  #wake(fetch: Fetch): void {
    fetch.rest()
    this.#ready.push(fetch)
    this.run()
  }

  /** One answer for each that is ready; one read from the disk at a time, so that memory is bounded. */
  async #round(): Promise<void> {
    for (let left = this.#ready.length; left > 0 && this.#isTaking(); left--) {
      const fetch = this.#ready.shift()
      if (fetch === undefined || fetch.question.isOver) continue
      try {
        await this.#serve(fetch)
      } catch (error) {
        fetch.question.reject(this.#find(fetch) === null ? this.#gone(fetch.request) : error)
      }
    }
    this.#isRunning = false
    this.run()
  }

  async #serve(fetch: Fetch): Promise<void> {
    const { request, question } = fetch
    const partition = this.#find(fetch)
    if (partition === null) return question.reject(this.#gone(request))
    const { log } = partition
    const { begin, outOfRange } = beginning(request, partition)
    const maxBytes = Math.min(request.maxBytes, mostBytes)
    const reading = log.read(begin, { isolation: request.isolation, maxBytes })
    const { blocks, position } = reading instanceof Promise ? await reading : reading
    if (question.isOver) return
    if (blocks.length === 0 && position === request.from && request.topicId !== null) return fetch.wait(partition)
    const bytes = blocks.reduce((sum, block) => sum + block.length, 0)
    const highWatermark = log.endOffset('read-uncommitted')
    const head: FetchAnswer = { topicId: partition.topicId, begin, outOfRange, position, highWatermark, bytes }
    question.send([blocksFrame(frameKind.blocks, question.id, { head, blockBytes: bytes }), ...blocks])
  }

  /** The partition, unless it is not there any more, or another one has its name. */
  #find({ request: { topic, partition, topicId } }: Fetch): Partition | null {
    const found = this.#state.topics.get(topic)?.logs[partition]
    return found !== undefined && (topicId === null || topicId === found.topicId) ? found : null
  }

  #gone({ topic, partition, topicId }: FetchRequest): TransportError {
    if (topicId === null) return this.#state.topics.missing({ topic, partition }, 'read')
    return topicDeleted({ topic, partition })
  }
}

/** Bytes of messages in an answer, unless one block has more. */
const mostBytes = 4 * 1024 * 1024

/** Where reading begins; what the log does not have any more, or never had, counts as the earliest. */
function beginning({ from, isolation }: FetchRequest, { log }: Partition): Pick<FetchAnswer, 'begin' | 'outOfRange'> {
  const start = log.startOffset()
  if (from === 'earliest') return { begin: start, outOfRange: null }
  if (from === 'latest') return { begin: log.endOffset(isolation), outOfRange: null }
  const end = log.endOffset('read-uncommitted')
  if (from >= start && from <= end) return { begin: from, outOfRange: null }
  return { begin: start, outOfRange: { start, end } }
}

/** One question for messages. */
class Fetch {
  readonly request: FetchRequest
  readonly question: Question<Answer<'fetch'>>
  readonly #wake: () => void
  /** Whose growth it waits for. */
  #partition: Partition | null = null

  constructor(request: FetchRequest, question: Question<Answer<'fetch'>>, wake: () => void) {
    this.request = request
    this.question = question
    this.#wake = wake
  }

  wait(partition: Partition): void {
    this.#partition = partition
    partition.log.onGrown.add(this.#wake)
  }

  rest(): void {
    this.#partition?.log.onGrown.delete(this.#wake)
    this.#partition = null
  }
}
