import { currentBody } from '../../src/stream/current-event.js'
import type { Partition } from '../../src/worker/partition.js'
import type { Worker } from '../../src/worker/worker.js'

/** Whose event the running code works on: as a debugger would see it. */
export interface EventAtHand {
  readonly clientId: string
  readonly tenure: Partition
  readonly at: { readonly topic: string; readonly partition: number }
  readonly offset: number
}

/** To be asked in an agent's body, with one event in hand. */
export function eventAtHand(): EventAtHand {
  const body = currentBody()
  const held = body?.hands.current
  if (body === null || held === null || held === undefined) throw new Error('no event is in hand here')
  const tenure = held.lot.tenure as Partition
  return { clientId: (body.host as Worker).clientId, tenure, at: tenure.at, offset: held.lot.columns.offset(held.index) }
}

/** Which worker runs the code that asks. */
export function workerAtHand(): string {
  const body = currentBody()
  if (body === null) throw new Error('no body runs here')
  return (body.host as Worker).clientId
}
