import type { AskTimeoutError } from '../errors.js'
import { Deferred } from '../lib/deferred.js'
import { Ring } from '../lib/ring.js'

/** Requests under way and answers not yet taken, together: this bounds memory for endless input. */
const window = 1000

export interface Answer {
  readonly index: number
  readonly value: unknown
}

/**
 * Asks for each item of the input and yields the answers as they come. It reads on while fewer than a thousand are under
 * way or waiting to be taken; the first failure throws, with `index`, and abandons the rest.
 */
export async function* askMany<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  askOne: (item: Item) => Promise<unknown>,
): AsyncGenerator<Answer, void, undefined> {
  const gathering = new Gathering()
  const sending = sendAll(items, askOne, gathering)
  try {
    for (;;) {
      const answer = await gathering.next()
      if (answer === null) return
      yield answer
    }
  } finally {
    gathering.abandon()
    await sending
  }
}

async function sendAll<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  askOne: (item: Item) => Promise<unknown>,
  gathering: Gathering,
): Promise<void> {
  let index = 0
  try {
    for await (const item of items) {
      if (gathering.isAbandoned) break
      gathering.await(index++, askOne(item))
      await gathering.room()
      if (gathering.isAbandoned) break
    }
    gathering.complete()
  } catch (error) {
    gathering.fail(error)
  }
}

/** Answers between those who send and the one who takes. */
class Gathering {
  isAbandoned = false
  readonly #answers = new Ring<Answer>()
  #underWay = 0
  #isComplete = false
  #failure: { error: unknown } | null = null
  #taker: Deferred<void> | null = null
  #sender: Deferred<void> | null = null

  await(index: number, answer: Promise<unknown>): void {
    this.#underWay++
    answer.then(
      value => {
        this.#underWay--
        this.#answers.push({ index, value })
        this.#changed()
      },
      (error: unknown) => {
        this.#underWay--
        this.fail(withIndex(error, index))
      },
    )
  }

  /** The next answer; `null` after the last. Throws the first failure. */
  async next(): Promise<Answer | null> {
    for (;;) {
      const answer = this.#failure === null ? this.#answers.shift() : undefined
      this.#sender?.resolve()
      if (answer !== undefined) return answer
      if (this.#failure !== null) throw this.#failure.error
      if (this.#isComplete && this.#underWay === 0) return null
      this.#taker = new Deferred()
      await this.#taker.promise
    }
  }

  async room(): Promise<void> {
    while (!this.isAbandoned && this.#underWay + this.#answers.length >= window) {
      this.#sender = new Deferred()
      await this.#sender.promise
    }
  }

  complete(): void {
    this.#isComplete = true
    this.#changed()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.abandon()
    this.#changed()
  }

  abandon(): void {
    this.isAbandoned = true
    this.#sender?.resolve()
  }

  #changed(): void {
    this.#taker?.resolve()
  }
}

function withIndex(error: unknown, index: number): unknown {
  if (typeof error === 'object' && error !== null && Object.isExtensible(error)) (error as AskTimeoutError).index = index
  return error
}
