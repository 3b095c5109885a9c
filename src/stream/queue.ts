import { Ring } from '../lib/ring.js'
import type { Delivered } from './delivered.js'
import { Lane, type Cursor, type LaneLimits } from './lane.js'

/** Whoever waits for events of a queue. */
export interface Waiter {
  wake(): void
}

/**
 * The hinge of the river: batches are pushed up to it, events are pulled after it. A lane per partition, so that one
 * can wait while others go on; actors of one agent share a queue and compete for its events.
 */
export class StreamQueue {
  isClosed = false
  readonly #lanes: Lane[] = []
  #current: Lane | null = null
  #turn = 0
  readonly #waiting = new Ring<Waiter>()
  readonly #closing = new Set<() => void>()

  /** Opens a lane; `onDemand` runs when it has room again after it had not. */
  addLane(onDemand: () => void, limits?: LaneLimits): Lane {
    const lane = new Lane({ onDemand, onUnblocked: () => this.wake(), limits })
    this.#lanes.push(lane)
    return lane
  }

  /** What was not handed out is forgotten; partial batches are given out at once, so that the partition can go. */
  removeLane(lane: Lane): void {
    const at = this.#lanes.indexOf(lane)
    if (at >= 0) this.#lanes.splice(at, 1)
    if (this.#current === lane) this.#current = null
    lane.drop()
    this.#wakeAll()
  }

  /** Answers whether the lane wants more. */
  push(lane: Lane, lot: Delivered): boolean {
    lane.push(lot)
    this.wake()
    return lane.wantsMore
  }

  /** Hands out the next event into `cursor`; lanes take turns, a batch each. */
  take(cursor: Cursor): boolean {
    const lane = this.#current
    if (lane !== null && lane.hand(cursor)) return true
    return this.#isOpen() && this.#takeElsewhere(cursor)
  }

  get hasEvents(): boolean {
    return !this.isClosed && this.#lanes.some(lane => lane.hasEvents)
  }

  /** Events that nobody has been handed yet. */
  get queued(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.queued, 0)
  }

  wait(waiter: Waiter): void {
    this.#waiting.push(waiter)
  }

  cancel(waiter: Waiter): void {
    this.#waiting.remove(other => other === waiter)
  }

  /** Wakes those who wait, at most one for each event there is. */
  wake(): void {
    for (let left = this.queued; left > 0 && this.#waiting.length > 0; left--) this.#waiting.shift()?.wake()
  }

  /** Hands out nothing more: whoever asks learns that the stream has ended. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const lane of this.#lanes.splice(0)) lane.drop()
    this.#current = null
    this.#wakeAll()
    for (const closed of this.#closing) closed()
    this.#closing.clear()
  }

  /** Runs when the queue is closed, at once if it is; returns how to forget about it. */
  onClose(closed: () => void): () => void {
    if (this.isClosed) closed()
    else this.#closing.add(closed)
    return () => void this.#closing.delete(closed)
  }

  #isOpen(): boolean {
    return !this.isClosed
  }

  #takeElsewhere(cursor: Cursor): boolean {
    this.#current = null
    for (let tried = 0; tried < this.#lanes.length; tried++) {
      this.#turn = (this.#turn + 1) % this.#lanes.length
      const lane = this.#lanes[this.#turn]
      if (lane === undefined || !lane.advance(cursor)) continue
      this.#current = lane
      return true
    }
    return false
  }

  #wakeAll(): void {
    for (let left = this.#waiting.length; left > 0; left--) this.#waiting.shift()?.wake()
  }
}
