import { FencedError } from '../../errors.js'
import type { Timer } from '../../lib/clock.js'
import type { Deferred } from '../../lib/deferred.js'
import type { GroupMember } from '../../transport/transport.js'
import type { Link } from './link.js'

/** A member of a group, as the broker knows it. */
export class Member {
  readonly id: string
  readonly instanceId: string | null
  readonly link: Link
  metadata: Uint8Array = nothing
  assignment: Uint8Array
  rebalanceTimeoutMs = 0
  /** Waits for the end of the round. */
  joining: Deferred<Joined> | null = null
  /** Waits for the leader's assignment. */
  syncing: Deferred<Uint8Array | null> | null = null
  /** Has been told the round's result and has not asked for its assignment yet. */
  isSyncDue = false
  #sessionTimeoutMs = 0
  #session: Timer | null = null
  #onRebalance: () => void = () => undefined
  readonly #onExpired: () => void

  constructor(joining: Joining, assignment: Uint8Array, onExpired: (member: Member) => void) {
    this.id = joining.memberId
    this.instanceId = joining.instanceId
    this.link = joining.link
    this.assignment = assignment
    this.#onExpired = () => onExpired(this)
  }

  join(joining: Joining, answer: Deferred<Joined>): void {
    this.metadata = Uint8Array.from(joining.metadata)
    this.rebalanceTimeoutMs = joining.rebalanceTimeoutMs
    this.joining = answer
    this.#sessionTimeoutMs = joining.sessionTimeoutMs
    this.#onRebalance = joining.onRebalance
    this.renew()
  }

  /** The session counts from now. */
  renew(): void {
    this.#session?.cancel()
    this.#session = this.link.clock.after(this.#sessionTimeoutMs, this.#onExpired, 'background')
  }

  /** Whatever it waits for is answered with the error. */
  end(error: FencedError): void {
    this.#session?.cancel()
    this.joining?.reject(error)
    this.syncing?.reject(error)
  }

  /** Asks to join again. */
  nudge(): void {
    this.link.turn(this.#onRebalance)
  }

  answerJoin(joined: Joined): void {
    this.joining?.resolve(joined)
    this.joining = null
  }

  answerSync(assignment: Uint8Array | null): void {
    this.syncing?.resolve(assignment)
    this.syncing = null
  }
}

/** What a member says when it joins. */
export interface Joining {
  readonly memberId: string
  readonly instanceId: string | null
  /** Whether the broker has yet to hear of this member. */
  readonly isNew: boolean
  readonly metadata: Uint8Array
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly link: Link
  readonly onRebalance: () => void
}

/** The end of a round. The leader gets the members, unless there is nothing to assign. */
export interface Joined {
  readonly generation: number
  readonly isLeader: boolean
  readonly members: readonly GroupMember[] | null
}

/** Who speaks, and of which generation. */
export interface Stamp {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
}

export const nothing: Uint8Array = new Uint8Array(0)

export function stranger(groupId: string, memberId: string): FencedError {
  return new FencedError(
    `The group "${groupId}" does not know the member "${memberId}" (any more): its session has ended, or it did not join a round in time. Join again.`,
  )
}

export function replaced(groupId: string, { id, instanceId }: { id: string; instanceId: string | null }): FencedError {
  return new FencedError(
    `The member "${id}" of the group "${groupId}" has been replaced: another process has joined as the instance "${instanceId}". Give each its own instance id.`,
  )
}

export function stale(groupId: string, { memberId, generation }: Stamp, current: number): FencedError {
  return new FencedError(
    `The member "${memberId}" speaks for generation ${generation} of the group "${groupId}", which has come to ${current}. Join again.`,
  )
}
