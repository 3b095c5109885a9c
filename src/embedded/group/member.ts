import { FencedError, TransportError } from '../../errors.js'
import type { Clock, Timer } from '../../lib/clock.js'
import type { GroupMember } from '../../transport/transport.js'
import type { Answer } from './answer.js'
import type { StoredMember } from './round.js'

/** A member of a group, as the broker knows it. */
export class Member {
  readonly id: string
  readonly instanceId: string | null
  readonly process: string | null
  readonly clock: Clock
  metadata: Uint8Array = nothing
  assignment: Uint8Array
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  /** Waits for the end of the round. */
  joining: Answer<Joined> | null = null
  /** Waits for the leader's assignment. */
  syncing: Answer<Uint8Array | null> | null = null
  /** Has been told the round's result and has not asked for its assignment yet. */
  isSyncDue = false
  /** Asks to join again. */
  nudge: () => void
  #session: Timer | null = null
  readonly #onExpired: () => void

  constructor(entry: Entry, assignment: Uint8Array, onExpired: (member: Member) => void) {
    this.id = entry.memberId
    this.instanceId = entry.instanceId
    this.process = entry.process
    this.clock = entry.clock
    this.sessionTimeoutMs = entry.sessionTimeoutMs
    this.rebalanceTimeoutMs = entry.rebalanceTimeoutMs
    this.nudge = entry.nudge
    this.assignment = assignment
    this.#onExpired = () => onExpired(this)
  }

  get stored(): StoredMember {
    const { id: memberId, instanceId, process, metadata, assignment, sessionTimeoutMs, rebalanceTimeoutMs } = this
    return { memberId, instanceId, process, metadata, assignment, sessionTimeoutMs, rebalanceTimeoutMs }
  }

  join(joining: Joining, answer: Answer<Joined>): void {
    this.metadata = Uint8Array.from(joining.metadata)
    this.sessionTimeoutMs = joining.sessionTimeoutMs
    this.rebalanceTimeoutMs = joining.rebalanceTimeoutMs
    this.nudge = joining.nudge
    this.joining = answer
    this.renew()
  }

  /** The session counts from now. */
  renew(): void {
    this.#session?.cancel()
    this.#session = this.clock.after(this.sessionTimeoutMs, this.#onExpired, 'background')
  }

  /** Whatever it waits for is answered with the error. */
  end(error: FencedError): void {
    this.stop()
    this.joining?.reject(error)
    this.syncing?.reject(error)
  }

  /** Its session does not end any more. */
  stop(): void {
    this.#session?.cancel()
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

/** What makes a member. */
export interface Entry {
  readonly memberId: string
  readonly instanceId: string | null
  /** The identity of the process that it lives in; `null` when nobody could tell that it is dead. */
  readonly process: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly clock: Clock
  /** Asks the member to join again. */
  readonly nudge: () => void
}

/** What a member says when it joins. */
export interface Joining extends Entry {
  /** Whether the broker has yet to hear of this member. */
  readonly isNew: boolean
  readonly metadata: Uint8Array
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

/** Unlike who has been replaced, it may join again: see `retriable`. */
export function stranger(groupId: string, memberId: string): FencedError {
  return new FencedError(
    `The group "${groupId}" does not know the member "${memberId}" (any more): its session has ended, or it did not join a round in time. Join again.`,
    { retriable: true },
  )
}

/** The one end of a membership that is for good. */
export function replaced(groupId: string, { id, instanceId }: { id: string; instanceId: string | null }): FencedError {
  return new FencedError(
    `The member "${id}" of the group "${groupId}" has been replaced: another process has joined as the instance "${instanceId}". Give each its own instance id.`,
  )
}

export function stale(groupId: string, { memberId, generation }: Stamp, current: number): FencedError {
  return new FencedError(
    `The member "${memberId}" speaks for generation ${generation} of the group "${groupId}", which has come to ${current}. Join again.`,
    { retriable: true },
  )
}

export function occupied(groupId: string, memberIds: readonly string[]): TransportError {
  const count = memberIds.length === 1 ? 'a member' : `${memberIds.length} members`
  return new TransportError(
    `Cannot reset the group "${groupId}": it has ${count} (${memberIds.join(', ')}). ` +
      'Stop them first; one that has gone without a word may count until its session ends.',
    { retriable: false },
  )
}
