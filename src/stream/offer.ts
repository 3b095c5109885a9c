import type { SendOptions } from './contract.js'

/** How a destination of this process takes a value without making a promise of it: see `Offering`. */
export const offer: unique symbol = Symbol('offer')

/** A destination that knows at once whether anything has to be waited for. */
export interface Offering {
  /** `null`: there was room. */
  [offer](value: unknown, options: SendOptions<unknown>): Promise<void> | null
}

export function isOffering(destination: object): destination is Offering {
  return offer in destination
}
