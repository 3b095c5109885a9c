import { randomUUID } from 'node:crypto'

/** A source of chance; a seeded one repeats itself. */
export interface Random {
  /** At least 0 and less than 1. */
  next(): number
  bytes?: never
}

/** The same numbers for the same seed (mulberry32): for tests and simulations, not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
    },
  }
}

/** Chance that nobody can repeat. */
export const systemRandom: Random = { next: () => Math.random() }

/** A version 4 UUID as text; unguessable from `systemRandom`, repeatable from a seed. */
export function uuid(random: Random): string {
  if (random === systemRandom) return randomUUID()
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, place => {
    const digit = Math.floor(random.next() * 16)
    return (place === 'y' ? (digit & 3) | 8 : digit).toString(16)
  })
}
