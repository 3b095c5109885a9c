import type { TopicPartition } from '../transport/transport.js'
import { nameOf, ownersOf, type MemberState } from './member-state.js'

/** Topics that are given out together: as many partitions, the same subscribers. Members are indices, -1 is nobody. */
export interface Cohort {
  readonly topics: readonly string[]
  readonly subscribers: ReadonlySet<number>
  /** By partition. */
  readonly owners: readonly number[]
  /** By partition: who has state of it on disk, the most first. */
  readonly holders: readonly (readonly number[])[]
  /** By member: how many units it owns, … */
  readonly owned: number[]
  /** … and how many it is to get. */
  readonly quota: number[]
}

export interface Plan {
  readonly cohorts: readonly Cohort[]
  /** By member: units over all cohorts. */
  readonly loads: number[]
}

/** Everybody keeps what it owns; what nobody owns goes to who has its state, else to the least loaded. */
export function planFor(members: readonly MemberState[], topics: ReadonlyMap<string, number>): Plan {
  const plan: Plan = { cohorts: cohortsOf(members, topics), loads: members.map(() => 0) }
  const orphans: [Cohort, readonly number[]][] = []
  for (const cohort of plan.cohorts) {
    for (const [unit, owner] of cohort.owners.entries()) {
      if (owner === -1) orphans.push([cohort, cohort.holders[unit] ?? []])
      else seat(plan, cohort, owner)
    }
    cohort.owned.push(...cohort.quota)
  }
  for (const [cohort, holders] of orphans) if (holders.length > 0) seat(plan, cohort, leastLoaded(plan, cohort, holders))
  for (const [cohort, holders] of orphans) {
    if (holders.length === 0) seat(plan, cohort, leastLoaded(plan, cohort, cohort.subscribers))
  }
  return plan
}

/** By member: the partitions that it gets, sorted by topic, then partition. */
export function placesOf(plan: Plan): readonly (readonly TopicPartition[])[] {
  const active = plan.loads.map((): TopicPartition[] => [])
  const seated = plan.cohorts.flatMap(cohort => {
    const seats = seatsOf(cohort)
    return cohort.topics.map(topic => ({ topic, seats }))
  })
  for (const { topic, seats } of seated.sort((left, right) => (left.topic < right.topic ? -1 : 1))) {
    for (const [partition, member] of seats.entries()) active[member]?.push({ topic, partition })
  }
  return active
}

/** By partition, who gets it: its owner, else who has its state, else whoever is next. */
function seatsOf({ owners, holders, owned, quota }: Cohort): readonly number[] {
  const left = [...quota]
  const seats = owners.map(() => -1)
  const offer = (unit: number, member: number): void => {
    if (seats[unit] !== -1 || of(left, member) === 0) return
    seats[unit] = member
    add(left, member, -1)
  }
  // An owner of too many lets go first what somebody who is to get more has the state of.
  const isWanted = (unit: number): boolean => (holders[unit] ?? []).some(member => of(quota, member) > of(owned, member))
  const units = [...owners.keys()].sort((left, right) => Number(isWanted(left)) - Number(isWanted(right)))
  for (const unit of units) offer(unit, owners[unit] ?? -1)
  for (const unit of units) for (const holder of holders[unit] ?? []) offer(unit, holder)
  let next = 0
  for (const unit of owners.keys()) for (; seats[unit] === -1; next = (next + 1) % quota.length) offer(unit, next)
  return seats
}

function cohortsOf(members: readonly MemberState[], topics: ReadonlyMap<string, number>): readonly Cohort[] {
  const subscriptions = members.map(member => new Set(member.topics))
  const alike = new Map<string, { together: string[]; subscribers: Set<number>; partitions: number }>()
  for (const topic of [...topics.keys()].sort()) {
    const partitions = topics.get(topic) ?? 0
    const subscribers = [...members.keys()].filter(member => subscriptions[member]?.has(topic))
    if (subscribers.length === 0) continue
    const key = JSON.stringify([partitions, subscribers])
    const cohort = alike.get(key) ?? { together: [], subscribers: new Set(subscribers), partitions }
    cohort.together.push(topic)
    alike.set(key, cohort)
  }
  const owners = new Map([...ownersOf(members)].map(([name, member]) => [name, [members.indexOf(member)]]))
  const holders = holdersOf(members)
  return [...alike.values()].map(({ together, subscribers, partitions }) => {
    const units = Array.from({ length: partitions }, (_, partition) => together.map(topic => nameOf({ topic, partition })))
    const most = (votes: ReadonlyMap<string, readonly number[]>): readonly (readonly number[])[] =>
      units.map(names =>
        ranked(
          names.flatMap(name => votes.get(name) ?? []),
          subscribers,
        ),
      )
    return {
      topics: together,
      subscribers,
      owners: most(owners).map(([owner = -1]) => owner),
      holders: most(holders),
      owned: [],
      quota: members.map(() => 0),
    }
  })
}

function holdersOf(members: readonly MemberState[]): ReadonlyMap<string, readonly number[]> {
  const holders = new Map<string, number[]>()
  for (const [index, { held }] of members.entries()) {
    for (const name of held.map(nameOf)) holders.set(name, [...(holders.get(name) ?? []), index])
  }
  return holders
}

function ranked(votes: readonly number[], eligible: ReadonlySet<number>): readonly number[] {
  const counts = new Map<number, number>()
  for (const member of votes) if (eligible.has(member)) counts.set(member, (counts.get(member) ?? 0) + 1)
  return [...counts].sort(([left, lefts], [right, rights]) => rights - lefts || left - right).map(([member]) => member)
}

function leastLoaded(plan: Plan, cohort: Cohort, among: Iterable<number>): number {
  let least = -1
  for (const member of among) {
    const more = of(cohort.quota, member) - of(cohort.quota, least) || of(plan.loads, member) - of(plan.loads, least)
    if (least === -1 || more < 0) least = member
  }
  return least
}

/** One unit more for a member. */
export function seat(plan: Plan, cohort: Cohort, member: number): void {
  add(cohort.quota, member, 1)
  add(plan.loads, member, 1)
}

export function of(counts: readonly number[], member: number): number {
  return counts[member] ?? 0
}

export function add(counts: number[], member: number, units: number): void {
  counts[member] = of(counts, member) + units
}
