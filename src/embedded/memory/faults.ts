import type { Random } from '../../lib/random.js'

/** What may go wrong on the way to a memory broker, by kind of request; asked once for every attempt. */
export type Faults = { readonly [operation in FaultyOperation]?: (site: FaultSite) => Fault | null }

/** `commit` is also the end of a transaction, `deliver` the answer to a fetch. */
export type FaultyOperation = 'produce' | 'deliver' | 'commit' | 'join' | 'heartbeat'

/** Which request it is that a fault may strike. */
export interface FaultSite {
  readonly clientId: string
  /** The topics that the request is about. */
  readonly topics: readonly string[]
  readonly groupId?: string | undefined
  readonly transactionalId?: string | undefined
  /** 1 for the first try. */
  readonly attempt: number
  /** The connection's own source of chance, so that a seed repeats a run. */
  readonly random: Random
}

/**
 * `delay`: the request arrives that much later. `drop`: it is lost, and sent again after a back-off. `duplicate`: its answer
 * is lost, so that it arrives twice. `fence`: the member or the transactional producer is found to have been replaced.
 */
export type Fault =
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'drop' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'fence' }
