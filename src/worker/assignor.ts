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
  for (let chain = findChain(plan); chain.length > 0; chain = findChain(plan)) apply(plan, chain)
  for (let ring = findRing(plan); ring.length > 0; ring = findRing(plan)) apply(plan, ring)
  const active = place(plan)
  const leader = leaderOf(sorted)
  return new Map(
    sorted.map((member, index) => [member.memberId, { active: active[index] ?? [], isLeader: member === leader }] as const),
  )
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

/** A partition as the key of a map. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`
}

/** Topics that are given out together: as many partitions, the same subscribers. Members are indices, -1 is nobody. */
interface Cohort {
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

interface Plan {
  readonly cohorts: readonly Cohort[]
  /** By member: units over all cohorts. */
  readonly loads: number[]
}

/** Outweighs what a ring of shifts can change of squared units, and leaves room for as many moves. */
const oneMove = 2 ** 32

/** One unit goes to another member; of no cohort: two members whose loads differ by one swap them. */
interface Shift {
  readonly cohort: Cohort | null
  readonly from: number
  readonly to: number
  readonly cost: number
}

function byId(members: readonly MemberState[]): readonly MemberState[] {
  return members.toSorted((left, right) => (left.memberId < right.memberId ? -1 : 1))
}

function leaderOf(members: readonly MemberState[]): MemberState | undefined {
  const latest = Math.max(...members.map(member => (member.wasLeader ? member.generation : -Infinity)))
  return members.find(member => member.wasLeader && member.generation === latest) ?? members[0]
}

/** Everybody keeps what it owns; what nobody owns goes to who has its state, else to the least loaded. */
function planFor(members: readonly MemberState[], topics: ReadonlyMap<string, number>): Plan {
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

function seat(plan: Plan, cohort: Cohort, member: number): void {
  add(cohort.quota, member, 1)
  add(plan.loads, member, 1)
}

function of(counts: readonly number[], member: number): number {
  return counts[member] ?? 0
}

function add(counts: number[], member: number, units: number): void {
  counts[member] = of(counts, member) + units
}

function apply(plan: Plan, shifts: readonly Shift[]): void {
  for (const { cohort, from, to } of shifts) {
    if (cohort === null) continue
    seat(plan, cohort, to)
    add(cohort.quota, from, -1)
    add(plan.loads, from, -1)
  }
}

/** Shifts from a member to one with at least two units less, by way of others where it must be; none when loads are level. */
function findChain(plan: Plan): readonly Shift[] {
  const loadOf = (member: number): number => of(plan.loads, member)
  const lightestFirst = [...plan.loads.keys()].sort((left, right) => loadOf(left) - loadOf(right))
  for (const source of lightestFirst.toReversed()) {
    const limit = loadOf(source) - 2
    const reached: Shift[] = []
    const queue = lightestFirst.some(member => loadOf(member) <= limit) ? [source] : []
    for (const from of queue) {
      for (const to of lightestFirst) {
        const shift = to === source || reached[to] ? null : cheapestShift(plan, from, to)
        if (shift === null) continue
        reached[to] = shift
        if (loadOf(to) <= limit) return trace(reached, to)
        queue.push(to)
      }
    }
  }
  return []
}

/** A ring of shifts that keeps the loads and betters the rest: a negative cycle, found the way of Bellman and Ford. */
function findRing(plan: Plan): readonly Shift[] {
  const members = [...plan.loads.keys()]
  const shifts = members.flatMap(from =>
    members.flatMap(to => [cheapestShift(plan, from, to) ?? [], swap(plan, from, to)].flat()),
  )
  const costs = members.map(() => 0)
  const last: Shift[] = []
  for (;;) {
    let end: number | undefined
    for (const shift of shifts) {
      if (of(costs, shift.from) + shift.cost >= of(costs, shift.to)) continue
      costs[shift.to] = of(costs, shift.from) + shift.cost
      last[shift.to] = shift
      end = shift.to
    }
    if (end === undefined) return []
    // Whoever can go back for as many steps as there are members is on the ring then.
    for (const _step of members) end = last[end ?? -1]?.from
    if (end !== undefined) return trace(last, end)
  }
}

/** The shifts that led to a member, as far back as they go or until they repeat. */
function trace(last: readonly Shift[], end: number): readonly Shift[] {
  const shifts: Shift[] = []
  for (let shift = last[end]; shift && !shifts.includes(shift); shift = last[shift.from]) shifts.push(shift)
  return shifts
}

function cheapestShift({ cohorts }: Plan, from: number, to: number): Shift | null {
  let cheapest: Shift | null = null
  for (const cohort of cohorts) {
    if (from === to || of(cohort.quota, from) === 0 || !cohort.subscribers.has(to)) continue
    const cost = costOf(cohort, from, -1) + costOf(cohort, to, 1)
    if (cheapest === null || cost < cheapest.cost) cheapest = { cohort, from, to, cost }
  }
  return cheapest
}

function swap({ loads }: Plan, from: number, to: number): Shift[] {
  return of(loads, to) === of(loads, from) + 1 ? [{ cohort: null, from, to, cost: 0 }] : []
}

/** What a unit more or less adds to the units moved, and to the squared units of the cohort; one of the first outweighs all of the second. */
function costOf({ owned, quota }: Cohort, member: number, units: 1 | -1): number {
  const before = of(quota, member)
  const kept = Math.min(before + units, of(owned, member)) - Math.min(before, of(owned, member))
  return units * (2 * before + units) - kept * oneMove
}

function place(plan: Plan): readonly (readonly TopicPartition[])[] {
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
