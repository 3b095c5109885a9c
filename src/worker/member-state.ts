import type { TopicPartition } from '../transport/transport.js'

/** What a member of the group says of itself when it joins. */
export interface MemberState {
  readonly memberId: string
  readonly instanceId: string | null
  /** Of the assignment that `owned` comes from, -1 for none: of two claims to a partition the higher one stands. */
  readonly generation: number
  /** Topics it subscribes to. */
  readonly topics: readonly string[]
  /** What it runs right now. */
  readonly owned: readonly TopicPartition[]
  /** Partitions of subscribed topics whose tables it has on disk: it is preferred for what nobody owns. */
  readonly held: readonly TopicPartition[]
  readonly wasLeader: boolean
}

/** Who owns each partition, by `nameOf`: of two that claim it the later generation, then the lower id. */
export function ownersOf(members: readonly MemberState[]): ReadonlyMap<string, MemberState> {
  const owners = new Map<string, MemberState>()
  for (const member of byId(members)) {
    for (const name of member.owned.map(nameOf)) {
      const rival = owners.get(name)
      if (!rival || rival.generation < member.generation) owners.set(name, member)
    }
  }
  return owners
}

/** In the order that everybody sees. */
export function byId(members: readonly MemberState[]): readonly MemberState[] {
  return members.toSorted((left, right) => (left.memberId < right.memberId ? -1 : 1))
}

/** A partition as the key of a map. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`
}
