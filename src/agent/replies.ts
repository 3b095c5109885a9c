import { AskTimeoutError, ClosedError, OptionError } from '../errors.js'
import type { Activity, Clock, Timer } from '../lib/clock.js'
import { formatMs } from '../lib/duration.js'
import { utf8 } from '../message/codec.js'
import type { Batch } from '../transport/transport.js'
import { decodeReply, type Reply } from './protocol.js'

/** Somebody who waits for one reply. */
export interface Pending {
  readonly agent: string
  readonly correlationId: string
  /** When to give up, in milliseconds since 1970. */
  readonly deadline: number
  readonly timeoutMs: number
  readonly answered: (reply: Reply) => void
  readonly failed: (error: Error) => void
}

export interface RepliesOptions {
  readonly clock: Clock
  /** The reply topic of this process. */
  readonly address: string
  /** Where the broker is, for the error of an `ask` that nobody answered. */
  readonly place: string
  /** Creates the reply topic and starts reading it; `ended` is called when it can be read no longer. */
  readonly listen: (deliver: (batch: Batch) => void, ended: () => void) => Promise<void>
}

/** The replies that this process waits for. Its reader is in no group; late and duplicate replies are ignored. */
export class Replies {
  readonly address: string
  readonly #options: RepliesOptions
  readonly #pending = new Map<string, Pending>()
  readonly #stopWatching: () => void
  #listening: Promise<void> | null = null
  #isListening = false
  #isClosed = false
  /** Agents that answer no more. */
  readonly #gone = new Set<string>()
  #timer: Timer | null = null
  #timerAt = Infinity

  constructor(options: RepliesOptions) {
    this.#options = options
    this.address = options.address
    this.#stopWatching = options.clock.watch(
      (): Activity => ({ queued: 0, atWork: 0, asking: this.#pending.size, nextDeadline: this.#nextDeadline }),
      untilMs => this.#giveUp(untilMs),
    )
  }

  get isReady(): boolean {
    return this.#isListening
  }

  /** Resolves when replies can arrive: before the first request goes out. */
  ready(): Promise<void> {
    this.#listening ??= this.#listen()
    return this.#listening
  }

  /** Throws `ClosedError` when replies do not arrive any more, `OptionError` when that correlation id is waited for already. */
  expect(pending: Pending): void {
    const { correlationId, deadline } = pending
    if (this.#isClosed || this.#gone.has(pending.agent)) throw closed(pending)
    if (this.#pending.has(correlationId)) {
      throw new OptionError(`The correlationId ${correlationId} belongs to a request that still waits for its answer.`, {
        option: 'correlationId',
      })
    }
    this.#pending.set(correlationId, pending)
    if (deadline < this.#timerAt) this.#wakeAt(deadline)
  }

  /** Gives up waiting for that reply. */
  abandon(correlationId: string): void {
    const pending = this.#pending.get(correlationId)
    if (pending === undefined) return
    this.forget(correlationId)
    pending.failed(closed(pending))
  }

  /** That agent answers no more: whoever waits for it is told so, and whoever asks it from now on. */
  refuse(agent: string): void {
    this.#gone.add(agent)
    for (const pending of [...this.#pending.values()]) if (pending.agent === agent) this.abandon(pending.correlationId)
  }

  /** Waits for that reply no longer. */
  forget(correlationId: string): void {
    this.#pending.delete(correlationId)
    if (this.#pending.size === 0) this.#stopTimer()
  }

  close(): void {
    this.#isClosed = true
    this.#stopWatching()
    this.#stopTimer()
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const each of pending) each.failed(closed(each))
  }

  async #listen(): Promise<void> {
    try {
      await this.#options.listen(
        batch => this.#deliver(batch),
        () => this.#ended(),
      )
      this.#isListening = true
    } catch (error) {
      this.#listening = null
      throw error
    }
  }

  /** Somebody has deleted the reply topic: the next request makes it anew. */
  #ended(): void {
    this.#isListening = false
    this.#listening = null
  }

  #deliver(batch: Batch): void {
    for (let index = 0; index < batch.count; index++) {
      const start = batch.valueStarts[index] as number
      const reply = start < 0 ? null : decodeReply(utf8(batch.buffer, start, batch.valueEnds[index] as number))
      const pending = reply === null ? undefined : this.#pending.get(reply.correlationId)
      if (reply === null || pending === undefined) continue
      this.forget(reply.correlationId)
      pending.answered(reply)
    }
  }

  get #nextDeadline(): number {
    let next = Infinity
    for (const { deadline } of this.#pending.values()) next = Math.min(next, deadline)
    return next
  }

  #giveUp(until: number): void {
    const due = [...this.#pending.values()].filter(({ deadline }) => deadline <= until)
    for (const pending of due) {
      this.forget(pending.correlationId)
      pending.failed(this.#timeout(pending))
    }
  }

  #timeout({ agent, correlationId, timeoutMs }: Pending): AskTimeoutError {
    const { place } = this.#options
    const message = `Agent "${agent}" did not answer request ${correlationId} within ${formatMs(timeoutMs)} (broker ${place}).`
    return new AskTimeoutError(`${message} Check that a worker of its app runs on the same broker, or raise the timeout.`, {
      agent,
      correlationId,
    })
  }

  #wakeAt(deadline: number): void {
    this.#stopTimer()
    this.#timerAt = deadline
    const { clock } = this.#options
    this.#timer = clock.after(deadline - clock.now(), () => this.#sweep(), 'service')
  }

  #sweep(): void {
    this.#timer = null
    this.#timerAt = Infinity
    this.#giveUp(this.#options.clock.now())
    const next = this.#nextDeadline
    if (next < Infinity) this.#wakeAt(next)
  }

  #stopTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#timerAt = Infinity
  }
}

function closed({ agent }: Pending): ClosedError {
  return new ClosedError(`Asking agent "${agent}" was given up: the app has been stopped.`)
}
