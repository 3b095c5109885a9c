import type { Answer } from '../group/answer.js'
import { jsonFrame } from '../wire/frame-codec.js'
import { frameKind } from '../wire/protocol.js'
import { encodeError } from '../wire/wire-error.js'

/** What a client has asked, until it is answered or nobody waits for the answer any more. */
export class Question<T> implements Answer<T> {
  readonly id: number
  /** Bytes that it keeps busy: those it came in, and those of its answer until that has gone out. */
  load = 0
  isOver = false
  readonly #line: ReplyLine
  #isAnswered = false
  #forget: () => void = () => undefined

  constructor(id: number, line: ReplyLine) {
    this.id = id
    this.#line = line
  }

  /** The answer may take as long as others like, so that it does not count as work; `forget` runs when nobody waits any more. */
  wait(forget: () => void): void {
    this.#forget = forget
    this.#line.weigh(this, 0)
  }

  /** Answers once everything that has changed so far is committed. */
  resolve(value: T): void {
    this.#answer(jsonFrame(frameKind.answer, this.id, value))
  }

  /** Refuses, in the same way. */
  reject(error: unknown): void {
    this.#answer(jsonFrame(frameKind.refusal, this.id, encodeError(error)))
  }

  /** Answers at once: what is said is committed already. */
  send(frames: readonly Buffer[]): void {
    if (!this.#isAnswered && !this.isOver) this.#line.send(this, frames)
    this.#isAnswered = true
  }

  /** Nobody waits for it any more. */
  withdraw(): void {
    if (this.isOver) return
    this.isOver = true
    this.#forget()
  }

  #answer(frame: Buffer): void {
    if (!this.#isAnswered && !this.isOver) this.#line.reply(this, frame)
    this.#isAnswered = true
  }
}

/** The way back to whoever has asked. */
export interface ReplyLine {
  /** Once everything that has changed so far is committed. */
  reply(question: Question<never>, frame: Buffer): void
  /** At once. */
  send(question: Question<never>, frames: readonly Buffer[]): void
  /** It keeps so many bytes busy from now on. */
  weigh(question: Question<never>, load: number): void
}
