import type { Delivered } from './delivered.js'
import type { Hands } from './hands.js'
import type { StreamQueue } from './queue.js'

/** Says that an event goes no further; it settles. */
export const dropped: unique symbol = Symbol('dropped')

/** Says that the loop has ended while the event waited: another one gets it. */
export const givenBack: unique symbol = Symbol('givenBack')

/** The event a stage looks at, besides its value as the stages before have made it, and who reads it. */
export interface Place {
  readonly lot: Delivered
  readonly index: number
  readonly queue: StreamQueue
  readonly hands: Hands
}

/** One operator: the value in, the value out, or `dropped`, or a promise of either (or of `givenBack`). */
export type Stage = (value: unknown, place: Place) => unknown

/** Runs operators in order; synchronous as long as each of them is. */
export function runStages(stages: readonly Stage[], value: unknown, place: Place): unknown {
  let current = value
  for (let at = 0; at < stages.length; at++) {
    const stage = stages[at] as Stage
    current = stage(current, place)
    if (current === dropped) return dropped
    if (current instanceof Promise) return finishLater(stages.slice(at + 1), current, place)
  }
  return current
}

async function finishLater(stages: readonly Stage[], first: Promise<unknown>, place: Place): Promise<unknown> {
  let current = await first
  for (const stage of stages) {
    if (current === dropped || current === givenBack) return current
    current = await stage(current, place)
  }
  return current
}
