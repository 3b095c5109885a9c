import type { AskTimeoutError } from '../errors.js'
import { Deferred } from '../lib/deferred.js'
import { Ring } from '../lib/ring.js'

/** Requests under way and answers not yet taken, together: this bounds memory for endless input. */
const window = 1000

export interface Answer {
  readonly index: number
  readonly value: unknown
}

export interface Questions<Item> {
  readonly items: Iterable<Item> | AsyncIterable<Item>
  readonly ask: (item: Item) => Promise<unknown>
  /** Nobody waits for the answers that are still under way. */
  readonly abandon: () => void
}

/**
 * Asks for each item of the input and yields the answers as they come. It reads on while fewer than a thousand are under
 * way or waiting to be taken; the first failure throws, with `index`, and abandons the rest.
 */
export async function* askMany<Item>(questions: Questions<Item>): AsyncGenerator<Answer, void, undefined> {
  const gathering = new Gathering(questions)
  try {
    for (;;) {
      const answer = await gathering.next()
      if (answer === null) return
      yield answer
    }
  } finally {
    await gathering.end()
  }
}

/** Between the input and the one who takes the answers. */
class Gathering<Item> {
  readonly #questions: Questions<Item>
  readonly #input: Iterator<Item> | AsyncIterator<Item>
  readonly #answers = new Ring<Answer>()
  #asked = 0
  #underWay = 0
  #isReading = false
  /** The input has nothing more, or is not wanted any more. */
  #isRead = false
  #isOver = false
  #failure: { error: unknown } | null = null
  #taker: Deferred<void> | null = null

  constructor(questions: Questions<Item>) {
    this.#questions = questions
    this.#input = iteratorOf(questions.items)
  }

  /** The next answer; `null` after the last. Throws the first failure. */
  async next(): Promise<Answer | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure.error
      const answer = this.#answers.shift()
      void this.#read()
      if (answer !== undefined) return answer
      if (this.#isRead && this.#underWay === 0) return null
      this.#taker = new Deferred()
      await this.#taker.promise
    }
  }

  /** Closes the input, unless it has ended by itself, and abandons what is under way. */
  async end(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#questions.abandon()
    if (this.#isRead) return
    this.#isRead = true
    const closing = Promise.resolve(this.#input.return?.())
    // An input that is busy with its next item may take for ever.
    if (this.#isReading) closing.catch(() => undefined)
    else await closing
  }

  get #wantsMore(): boolean {
    return !this.#isRead && this.#failure === null && this.#underWay + this.#answers.length < window
  }

  async #read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    try {
      while (this.#wantsMore) {
        const step = await this.#input.next()
        if (step.done === true) this.#isRead = true
        else this.#ask(await step.value)
      }
    } catch (error) {
      this.#isRead = true
      this.#fail(error)
    }
    this.#isReading = false
    if (this.#isRead) this.#taker?.resolve()
  }

  #ask(item: Item): void {
    if (this.#isRead || this.#failure !== null) return
    const index = this.#asked++
    this.#underWay++
    this.#questions.ask(item).then(
      value => {
        this.#underWay--
        this.#answers.push({ index, value })
        this.#taker?.resolve()
      },
      (error: unknown) => {
        this.#underWay--
        // One error may be that of many items: it keeps the index of the first.
        this.#fail(this.#failure === null ? withIndex(error, index) : error)
      },
    )
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#taker?.resolve()
  }
}

function iteratorOf<Item>(items: Iterable<Item> | AsyncIterable<Item>): Iterator<Item> | AsyncIterator<Item> {
  const { [Symbol.asyncIterator]: open } = items as Partial<AsyncIterable<Item>>
  return open === undefined ? (items as Iterable<Item>)[Symbol.iterator]() : open.call(items)
}

function withIndex(error: unknown, index: number): unknown {
  if (typeof error === 'object' && error !== null && Object.isExtensible(error)) (error as AskTimeoutError).index = index
  return error
}
