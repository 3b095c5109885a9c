import type { Socket } from 'node:net'
import { FaustError, TransportError } from '../../errors.js'
import { type Backoff, exponential } from '../../lib/backoff.js'
import type { Timer } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import { formatMs } from '../../lib/duration.js'
import type { Lifetime, Refuse } from '../lifetime.js'
import { emptyFrame, jsonFrame, readJson } from '../wire/frame-codec.js'
import type { Frame } from '../wire/frame-reader.js'
import { type Answer, frameKind, type Notice, type Requests, type RequestType } from '../wire/protocol.js'
import { reviveError } from '../wire/wire-error.js'
import { Call } from './call.js'

/** Where a broker is, and how it is reached. */
export interface BrokerAddress {
  readonly directory: string
  /** Whether what is acknowledged has to be on the disk. */
  readonly fsync: boolean
  /** A new socket to whoever owns the directory now. Rejects with a `TransportError` that says what is wrong. */
  readonly dial: () => Promise<Socket>
}

/** Something that is asked of the broker. It hears of its answer or its failure, once. */
export interface Question {
  /** For the error, after "Cannot": `commit the offsets of group "orders"`. */
  readonly what: string
  /** How long it may take; `Infinity` for what waits by its nature. */
  readonly patienceMs: number
  /** Whether the process stays alive for it. */
  readonly isAwaited: boolean
  encode(id: number): readonly Buffer[]
  answer(frame: Frame): void
  fail(error: FaustError): void
}

/** Something that has been asked and may be given up: then it fails with this error, unless it is answered already. */
export interface Inquiry<Given> {
  readonly answer: Promise<Given>
  giveUp(error: FaustError): void
}

export interface LineOptions {
  readonly onNotice?: (notice: Notice) => void
  /** The connection is back after it had broken. */
  readonly onAgain?: () => void
}

/**
 * One socket to the broker. When it breaks, another one is dialled and everything that was not answered is asked again, so
 * that whoever asks does not notice a broker that dies and is replaced.
 */
export class Line {
  readonly #life: Lifetime
  readonly #address: BrokerAddress
  readonly #options: LineOptions
  readonly #backoff: Backoff
  /** In the order in which they were asked. */
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  /** Of those pending, how many the process stays alive for. */
  #awaited = 0
  #call: Call | null = null
  #isDialling = false
  #retry: Timer | null = null
  /** In a row, without an answer in between. */
  #failures = 0
  /** Why the broker could not be reached the last time. */
  #trouble: Error | null = null
  #wasOpen = false
  #refuse: Refuse | null = null

  constructor(life: Lifetime, address: BrokerAddress, options: LineOptions = {}) {
    this.#life = life
    this.#address = address
    this.#options = options
    this.#backoff = exponential({ initialMs: 4, maxMs: 250, random: life.random })
  }

  /** Asks for an answer in JSON. Rejects with what the broker refuses with, `TransportError` or `ClosedError`. */
  ask<Type extends RequestType>(type: Type, asks: Requests[Type]['asks'], asking: Asking): Promise<Answer<Type>> {
    return this.inquire(type, asks, asking).answer
  }

  /** The same, for whoever may want to give it up. */
  inquire<Type extends RequestType>(type: Type, asks: Requests[Type]['asks'], asking: Asking): Inquiry<Answer<Type>> {
    const answer = new Deferred<Answer<Type>>()
    const id = this.send({
      what: asking.what,
      patienceMs: asking.patienceMs ?? usualPatienceMs,
      isAwaited: true,
      encode: id => [jsonFrame(frameKind.request, id, { type, ...asks })],
      answer: frame => answer.resolve(readJson<Answer<Type>>(frame.payload)),
      fail: error => answer.reject(error),
    })
    const giveUp = (error: FaustError): void => {
      this.withdraw(id)
      answer.reject(error)
    }
    return { answer: answer.promise, giveUp }
  }

  /** Returns the question's number, by which it can be withdrawn. */
  send(question: Question): number {
    if (this.#refuse !== null) {
      question.fail(this.#refuse(question.what))
      return 0
    }
    const id = this.#nextId()
    const frames = question.encode(id)
    const { patienceMs } = question
    const deadline = patienceMs === Infinity ? null : this.#life.after(patienceMs, () => this.#giveUp(id), 'background')
    this.#pending.set(id, { question, frames, deadline })
    if (question.isAwaited) this.#hold(1)
    if (this.#call?.isOpen === true) this.#call.write(frames)
    else this.#reach(question.isAwaited && this.#awaited === 1)
    return id
  }

  /** What comes in answer is of no interest any more. */
  withdraw(id: number): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#forget(id, pending)
    if (this.#call?.isOpen === true) this.#call.write([emptyFrame(frameKind.cancel, id)])
  }

  /** What is pending fails, and so does everything from now on, in these words. */
  close(refuse: Refuse = what => this.#life.refusal(what)): void {
    if (this.#refuse !== null) return
    this.#refuse = refuse
    this.#retry?.cancel()
    this.#call?.end()
    this.#call = null
    this.#failAll(refuse)
  }

  /** Sees to it that there is a connection, or will be. A try that waits in the background may wait for ever. */
  #reach(isUrgent: boolean): void {
    if (this.#call !== null || this.#isDialling || (this.#retry !== null && !isUrgent)) return
    this.#retry?.cancel()
    this.#retry = null
    void this.#dial()
  }

  async #dial(): Promise<void> {
    this.#isDialling = true
    try {
      const socket = await this.#address.dial()
      this.#isDialling = false
      if (this.#refuse !== null) return void socket.destroy()
      this.#greet(socket)
    } catch (error) {
      this.#isDialling = false
      if (this.#refuse === null) this.#unreachable(error as Error)
    }
  }

  #greet(socket: Socket): void {
    const { directory, fsync } = this.#address
    const call = new Call(socket, {
      hello: { id: this.#nextId(), directory, fsync, clientId: this.#life.clientId },
      onOpen: () => this.#opened(call),
      onFrame: frame => this.#receive(frame),
      onEnd: error => this.#lost(call, error),
    })
    this.#call = call
  }

  #opened(call: Call): void {
    this.#trouble = null
    call.hold(this.#awaited > 0)
    for (const { frames } of this.#pending.values()) call.write(frames)
    if (this.#wasOpen) this.#options.onAgain?.()
    this.#wasOpen = true
  }

  #receive(frame: Frame): void {
    this.#failures = 0
    if (frame.kind === frameKind.notice) return this.#options.onNotice?.(readJson(frame.payload))
    const pending = this.#pending.get(frame.id)
    if (pending === undefined) return
    this.#forget(frame.id, pending)
    if (frame.kind === frameKind.refusal) pending.question.fail(reviveError(readJson(frame.payload)))
    else pending.question.answer(frame)
  }

  #lost(call: Call, error: Error | null): void {
    if (call !== this.#call) return
    this.#call = null
    if (error !== null && !call.isOpen) return this.#unreachable(error)
    this.#again(error)
  }

  /** What no further try can mend fails what waits; the next question tries again all the same. */
  #unreachable(error: Error): void {
    if (!(error instanceof FaustError) || error.retriable) return this.#again(error)
    const why = error.message
    this.#failAll(what => new TransportError(`Cannot ${what}: ${why}`, { cause: error, retriable: false }))
  }

  /** At once after a connection that was good, then ever more slowly. */
  #again(error: Error | null): void {
    this.#trouble = error
    this.#failures++
    if (this.#failures === 1) return void this.#dial()
    const redial = (): void => {
      this.#retry = null
      void this.#dial()
    }
    const delayMs = this.#backoff.delayMs(this.#failures - 1)
    this.#retry = this.#life.after(delayMs, redial, this.#awaited > 0 ? 'work' : 'background')
  }

  #giveUp(id: number): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    const { what, patienceMs } = pending.question
    const why = this.#trouble === null ? '' : ` (${this.#trouble.message})`
    this.withdraw(id)
    pending.question.fail(
      new TransportError(
        `Cannot ${what}: the broker in "${this.#address.directory}" has not answered for ${formatMs(patienceMs)}${why}. ` +
          'Look at the process that owns it, and try again.',
        { cause: this.#trouble ?? undefined },
      ),
    )
  }

  #failAll(refuse: Refuse): void {
    for (const [id, pending] of [...this.#pending]) {
      this.#forget(id, pending)
      pending.question.fail(refuse(pending.question.what))
    }
  }

  #forget(id: number, { question, deadline }: Pending): void {
    this.#pending.delete(id)
    deadline?.cancel()
    if (question.isAwaited) this.#hold(-1)
  }

  #hold(more: 1 | -1): void {
    this.#awaited += more
    this.#call?.hold(this.#awaited > 0)
  }

  /** Never 0, which is nobody's, nor one that is still waited for. */
  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#lastId === 0 || this.#pending.has(this.#lastId))
    return this.#lastId
  }
}

interface Asking {
  readonly what: string
  /** Default 30 seconds. */
  readonly patienceMs?: number
}

/** What a question waits at most, unless it waits by its nature. */
const usualPatienceMs = 30_000

interface Pending {
  readonly question: Question
  /** Kept, since they may have to be sent again. */
  readonly frames: readonly Buffer[]
  readonly deadline: Timer | null
}
