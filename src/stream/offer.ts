import type { SendOptions } from './contract.js'

/** A destination of this process that knows at once whether anything has to be waited for, and makes no promise otherwise. */
export interface Offering {
  /** `null`: there was room. */
  offer(value: unknown, options: SendOptions<unknown>): Promise<void> | null
}

/** Ours, not whatever a user's own destination may call `offer`. */
const offerings = new WeakSet<object>()

export function markOffering(destination: Offering): void {
  offerings.add(destination)
}

export function isOffering(destination: object): destination is Offering {
  return offerings.has(destination)
}
