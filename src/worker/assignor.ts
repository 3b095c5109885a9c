import type { TopicPartition } from '../transport/transport.js'
import { placesOf, planFor } from './assignment-plan.js'
import { balance } from './balance.js'
import { byId, type MemberState } from './member-state.js'

/** What a member is to run. */
export interface MemberAssignment {
  /** Sorted by topic, then partition. */
  readonly active: readonly TopicPartition[]
  /** Whether it runs the app's leader-only work; exactly one member does. */
  readonly isLeader: boolean
}

/** Gives every partition of every subscribed topic to one member: co-partitioned, balanced, sticky; see ASSIGNMENT.md. */
export function assign(
  members: readonly MemberState[],
  topics: ReadonlyMap<string, number>,
): ReadonlyMap<string, MemberAssignment> {
  const sorted = byId(members)
  const plan = planFor(sorted, topics)
  balance(plan)
  const active = placesOf(plan)
  const leader = leaderOf(sorted)
  return new Map(
    sorted.map((member, index) => [member.memberId, { active: active[index] ?? [], isLeader: member === leader }] as const),
  )
}

function leaderOf(members: readonly MemberState[]): MemberState | undefined {
  const latest = Math.max(...members.map(member => (member.wasLeader ? member.generation : -Infinity)))
  return members.find(member => member.wasLeader && member.generation === latest) ?? members[0]
}
