import type { GroupMember, TopicPartition } from '../transport/transport.js'
import { decodeMember, encodeAssignment } from './assignment-codec.js'
import { assign, type MemberAssignment } from './assignor.js'
import { nameOf, ownersOf, type MemberState } from './member-state.js'

/** Whether this worker runs what only the leader runs. */
export class Leadership {
  readonly #listeners = new Set<(isLeader: boolean) => void>()
  /** Of the current or the last term. */
  #term = new AbortController()

  constructor() {
    this.#term.abort()
  }

  get isLeader(): boolean {
    return !this.#term.signal.aborted
  }

  /** Fires when leadership is lost; it has fired already when this worker does not lead. */
  signal(): AbortSignal {
    return this.#term.signal
  }

  /** Calls `run` whenever leadership is won or lost; returns how to stop that. */
  onChange(run: (isLeader: boolean) => void): () => void {
    const listener = (isLeader: boolean): void => run(isLeader)
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** What the latest assignment says; `false` once the membership is over. */
  update(isLeader: boolean): void {
    if (isLeader === this.isLeader) return
    if (isLeader) this.#term = new AbortController()
    else this.#term.abort()
    for (const listener of [...this.#listeners]) listener(isLeader)
  }
}

/** What the leader of a round, who need not lead the app, has everybody told; throws TransportError for members it cannot read. */
export async function leadRound(
  members: readonly GroupMember[],
  topics: (names: readonly string[]) => Promise<ReadonlyMap<string, number>>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const states = members.map(decodeMember)
  const names = [...new Set(states.flatMap(state => state.topics))].sort()
  const found = await topics(names)
  const counts = new Map(names.map(name => [name, found.get(name) ?? 0]))
  const { assignments, isSettled } = withhold(states, assign(states, counts))
  return new Map(
    [...assignments].map(([{ memberId, topics: subscribed }, { active, isLeader }]) => [
      memberId,
      encodeAssignment({ active, isLeader, isSettled, topics: subscribed, counts }),
    ]),
  )
}

/** Takes from a target what somebody else still owns: its owner gives it up first, and the next round hands it over. */
export function withhold(
  members: readonly MemberState[],
  target: ReadonlyMap<string, MemberAssignment>,
): { readonly assignments: ReadonlyMap<MemberState, MemberAssignment>; readonly isSettled: boolean } {
  const owners = ownersOf(members)
  const assignments = new Map<MemberState, MemberAssignment>()
  let isSettled = true
  for (const member of members) {
    const { active = [], isLeader = false } = target.get(member.memberId) ?? {}
    const isFree = (at: TopicPartition): boolean => (owners.get(nameOf(at)) ?? member) === member
    const free = active.filter(isFree)
    const kept = new Set(free.map(nameOf))
    isSettled &&= member.owned.every(at => kept.has(nameOf(at)))
    assignments.set(member, { active: free, isLeader })
  }
  return { assignments, isSettled }
}
