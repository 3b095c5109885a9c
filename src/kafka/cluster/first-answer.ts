import { FaustError } from '../../errors.js'
import { waitAtMost, type Clock } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'

export interface FirstAnswerOptions<Asked, Answer> {
  readonly clock: Clock
  /** In turn; none of them: no answer. */
  readonly candidates: readonly Asked[]
  readonly ask: (candidate: Asked) => Promise<Answer>
  /** After so long without an answer the next one is asked as well, in milliseconds. */
  readonly impatientMs: number
  /** What would be the same with all of them. */
  readonly isFinal: (error: unknown) => boolean
}

/**
 * The first answer of several that are as good as each other: the next one is asked when one has failed or takes long. Without
 * an answer: why each of them gave none.
 */
export async function firstAnswer<Asked, Answer>(
  options: FirstAnswerOptions<Asked, Answer>,
): Promise<{ readonly answer: Answer } | { readonly failures: readonly FaustError[] }> {
  const { clock, candidates, ask, impatientMs, isFinal } = options
  const failures: FaustError[] = []
  const first = new Deferred<{ answer: Answer }>()
  const over = first.promise.catch(() => undefined)
  const asked: Promise<void>[] = []
  for (const candidate of candidates) {
    const one = ask(candidate).then(
      answer => first.resolve({ answer }),
      (error: unknown) => void (error instanceof FaustError && !isFinal(error) ? failures.push(error) : first.reject(error)),
    )
    asked.push(one)
    await waitAtMost(clock, impatientMs, Promise.race([one, over]))
    if (first.isSettled) return await first.promise
  }
  await Promise.race([Promise.all(asked), over])
  return first.isSettled ? await first.promise : { failures }
}
