import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../lib/clock.js'
import type { TopicPartition } from '../transport/transport.js'
import { assign, type MemberAssignment } from './assignor.js'
import { nameOf, type MemberState } from './member-state.js'

type Result = ReadonlyMap<string, MemberAssignment>
type Topics = ReadonlyMap<string, number>
/** The units of each cohort: a unit is a partition of every topic in it. */
type Cohorts = ReadonlyMap<string, TopicPartition[][]>

describe('laws, whatever the members claim', () => {
  test('every partition of a subscribed topic goes to exactly one member, which subscribes to it', () => {
    check(group(), 200, ({ members, topics }) => {
      const result = assign(members, topics)
      const given = [...result].flatMap(([id, { active }]) => active.map(at => ({ id, ...at })))
      const wanted = [...topics].filter(([topic]) => members.some(member => member.topics.includes(topic)))
      expect(given.map(nameOf).sort()).toEqual(wanted.flatMap(([topic, count]) => partitionsOf(topic, count).map(nameOf)).sort())
      for (const { id, topic } of given) expect(named(members, id).topics).toContain(topic)
      expect([...result.keys()].sort()).toEqual(members.map(member => member.memberId).sort())
    })
  })

  test('partition n of all topics with the same count and the same subscribers is with one member', () => {
    check(group(), 200, ({ members, topics }) => {
      for (const units of cohortsOf(members, topics).values()) {
        for (const unit of units) expect(new Set(holdersOf(assign(members, topics), unit)).size).toBe(1)
      }
    })
  })

  test('nobody holds two more than another who could take one of them', () => {
    check(group(), 200, ({ members, topics }) => {
      const result = assign(members, topics)
      const loads = loadsOf(result, cohortsOf(members, topics))
      for (const [topic] of topics) {
        for (const { memberId: rich } of members.filter(({ memberId }) => has(result, memberId, topic))) {
          for (const { memberId: poor } of members.filter(member => member.topics.includes(topic))) {
            expect((loads.get(rich) ?? 0) - (loads.get(poor) ?? 0)).toBeLessThanOrEqual(1)
          }
        }
      }
    })
  })

  test('members with equal subscriptions differ by one at most; when nothing is owned yet, in each cohort too', () => {
    check(group({ sameTopics: true }), 200, ({ members, topics }) => {
      const cohorts = cohortsOf(members, topics)
      const spread = (some: Cohorts, given: readonly MemberState[]): number => {
        const loads = [...loadsOf(assign(given, topics), some).values()]
        return Math.max(...loads) - Math.min(...loads)
      }
      const fresh = members.map(each => ({ ...each, owned: [], held: [] }))
      expect(spread(cohorts, members)).toBeLessThanOrEqual(1)
      for (const cohort of cohorts) expect(spread(new Map([cohort]), fresh)).toBeLessThanOrEqual(1)
    })
  })

  test('the order of members, topics and claims changes nothing', () => {
    const shuffled = group().chain(({ members, topics }) =>
      fc.record({
        members: fc.constant(members),
        topics: fc.constant(topics),
        otherMembers: fc
          .tuple(...members.map(member => shuffledMember(member)))
          .chain(others => fc.shuffledSubarray(others, { minLength: others.length })),
        otherTopics: fc.shuffledSubarray([...topics], { minLength: topics.size }),
      }),
    )
    check(shuffled, 200, ({ members, topics, otherMembers, otherTopics }) => {
      expect([...assign(otherMembers, new Map(otherTopics))]).toEqual([...assign(members, topics)])
    })
  })

  test('an assignment that is carried out is final: nothing moves any more', () => {
    check(group(), 200, ({ members, topics }) => {
      const result = assign(members, topics)
      expect([...assign(running(members, result), topics)]).toEqual([...result])
    })
  })

  test('no assignment as balanced moves fewer units, and none that moves as few spreads cohorts better (against all there are)', () => {
    const small = group({ members: 4, topics: 3, partitions: 4 })
    check(small, 2000, ({ members, topics }) => {
      const cohorts = [...cohortsOf(members, topics).values()]
      const units = cohorts.flatMap((cohort, index) => cohort.map(unit => ({ unit, cohort: index })))
      if (members.length ** units.length > 1000) return
      const result = assign(members, topics)
      const ours = units.map(({ unit }) => holdersOf(result, unit)[0] ?? '')
      const owners = units.map(({ unit }) => ownerOf(members, unit))
      const score = (places: readonly string[]): readonly number[] => [
        squares(places),
        owners.filter((owner, index) => owner !== undefined && owner !== places[index]).length,
        squares(places.map((place, index) => `${units[index]?.cohort} ${place}`)),
      ]
      const all = units.reduce<string[][]>(
        (some, { unit }) => some.flatMap(places => subscribersOf(members, unit).map(id => [...places, id])),
        [[]],
      )
      expect(score(ours)).toEqual(all.map(score).reduce((best, each) => (lessThan(each, best) ? each : best)))
    })
  })

  test('exactly one leads: whoever led in the latest generation, else the lowest id', () => {
    check(group(), 200, ({ members, topics }) => {
      const leaders = [...assign(members, topics)].filter(([, { isLeader }]) => isLeader).map(([id]) => id)
      const former = members.filter(member => member.wasLeader)
      const latest = Math.max(...former.map(member => member.generation))
      const expected = former.length > 0 ? former.filter(member => member.generation === latest) : members
      expect(leaders).toEqual(
        expected
          .map(member => member.memberId)
          .sort()
          .slice(0, 1),
      )
    })
  })
})

describe('moves, from a group at rest with equal subscriptions', () => {
  test('a member that joins gets its share; nobody else gains anything', () => {
    check(atRest(), 200, ({ members, topics, stranger }) => {
      const result = assign([...members, stranger], topics)
      for (const member of members) expect(gained(member, result)).toEqual([])
    })
  })

  test('a member that leaves leaves its share; nobody else loses anything', () => {
    check(atRest(), 200, ({ members: [, ...rest], topics }) => {
      const result = assign(rest, topics)
      for (const member of rest) expect(lost(member, result)).toEqual([])
    })
  })

  test('partitions and topics that are added move nothing but what evens out the totals', () => {
    check(atRest(), 200, ({ members, topics }) => {
      const grown = new Map([...topics, ['new', 3]])
      const subscribed = members.map(member => ({ ...member, topics: [...grown.keys()] }))
      const result = assign(subscribed, grown)
      for (const member of subscribed) expect(lost(member, result)).toEqual([])
    })
  })
})

describe('examples', () => {
  const topics: Topics = new Map([['orders', 4]])

  test('of two claims to a partition the one of the later generation stands', () => {
    const zombie = member('a', { owned: ['orders:0', 'orders:1'], generation: 3 })
    const owner = member('b', { owned: ['orders:1', 'orders:2'], generation: 5 })
    expect(shown(assign([zombie, owner], topics))).toEqual({ a: 'orders:0 orders:3', b: 'orders:1 orders:2' })
  })

  test('what nobody owns goes to the member that has its state', () => {
    const members = [member('a', { held: ['orders:2', 'orders:3'] }), member('b', { held: ['orders:0', 'orders:1'] })]
    expect(shown(assign(members, topics))).toEqual({ a: 'orders:2 orders:3', b: 'orders:0 orders:1' })
  })

  test('an owner of too much lets go what somebody else has the state of', () => {
    const members = [
      member('a', { owned: ['orders:0', 'orders:1', 'orders:2', 'orders:3'] }),
      member('b', { held: ['orders:0', 'orders:2'] }),
    ]
    expect(shown(assign(members, topics))).toEqual({ a: 'orders:1 orders:3', b: 'orders:0 orders:2' })
  })

  test('a topic that comes later joins its cohort where that runs', () => {
    const members = [member('a', { owned: ['orders:1', 'orders:2'] }), member('b', { owned: ['orders:0', 'orders:3'] })]
    const subscribed = members.map(each => ({ ...each, topics: ['orders', 'users'] }))
    expect(shown(assign(subscribed, new Map([...topics, ['users', 4]])))).toEqual({
      a: 'orders:1 orders:2 users:1 users:2',
      b: 'orders:0 orders:3 users:0 users:3',
    })
  })

  test('new partitions go to whoever has least; the old ones stay', () => {
    const members = [member('a', { owned: ['orders:1', 'orders:2'] }), member('b', { owned: ['orders:0', 'orders:3'] })]
    expect(shown(assign(members, new Map([['orders', 6]])))).toEqual({
      a: 'orders:1 orders:2 orders:4',
      b: 'orders:0 orders:3 orders:5',
    })
  })

  test('units move along a chain where the poorest cannot take what the richest has', () => {
    const members = [
      member('a', { topics: ['one'], owned: ['one:0', 'one:1'] }),
      member('b', { topics: ['one', 'two'], owned: ['two:0'] }),
      member('c', { topics: ['two'] }),
    ]
    const result = assign(
      members,
      new Map([
        ['one', 2],
        ['two', 1],
      ]),
    )
    expect([...result.values()].map(({ active }) => active.length)).toEqual([1, 1, 1])
  })

  test('of two units that might move, the one moves that spreads its topic', () => {
    const all = { topics: ['one', 'two'] }
    const members = [
      member('a', all),
      member('b', { ...all, owned: ['one:1', 'one:2'] }),
      member('c', { ...all, owned: ['one:0', 'two:0'] }),
    ]
    const counts = new Map([
      ['one', 3],
      ['two', 1],
    ])
    expect(shown(assign(members, counts))).toEqual({ a: 'one:2', b: 'one:1', c: 'one:0 two:0' })
  })

  test('nobody is in the group, nothing is subscribed to, a topic does not exist', () => {
    expect(assign([], topics).size).toBe(0)
    expect(shown(assign([member('a', { topics: [] }), member('b', { topics: ['gone'] })], topics))).toEqual({ a: '', b: '' })
  })

  test('fifty topics of 256 partitions over twenty members take far less than 100 ms, at a join and a leave too', () => {
    const names = Array.from({ length: 50 }, (_, index) => `topic-${index}`)
    const many: Topics = new Map(names.map(name => [name, 256]))
    const members = Array.from({ length: 20 }, (_, index) => member(`m${index}`, { topics: names }))
    const settled = running(members, assign(members, many))
    const rounds = [members, settled, settled.slice(1), [...settled, member('new', { topics: names })]]
    for (const round of rounds) {
      const tries = [1, 2, 3, 4, 5].map(() => {
        const startedMs = systemClock.elapsed()
        assign(round, many)
        return systemClock.elapsed() - startedMs
      })
      expect(Math.min(...tries)).toBeLessThan(100)
    }
  })
})

function check<T>(arbitrary: fc.Arbitrary<T>, numRuns: number, law: (given: T) => void): void {
  fc.assert(fc.property(arbitrary, law), { numRuns })
}

interface Limits {
  readonly members?: number
  readonly topics?: number
  readonly partitions?: number
  readonly sameTopics?: boolean
}

/** A group in any state, also ones that should never be: zombies, claims to what does not exist. */
function group(limits: Limits = {}): fc.Arbitrary<{ members: MemberState[]; topics: Topics }> {
  const { members = 6, topics = 5, partitions = 7, sameTopics = false } = limits
  const names = ['t0', 't1', 't2', 't3', 't4'].slice(0, topics)
  const at = fc.record({ topic: fc.constantFrom(...names, 'gone'), partition: fc.nat(partitions) })
  const state: fc.Arbitrary<MemberState> = fc.record({
    memberId: fc.string({ minLength: 1, maxLength: 3 }),
    instanceId: fc.constant(null),
    generation: fc.integer({ min: -1, max: 3 }),
    topics: sameTopics ? fc.constant(names) : fc.subarray(names),
    owned: fc.uniqueArray(at, { selector: nameOf, maxLength: partitions * topics }),
    held: fc.uniqueArray(at, { selector: nameOf, maxLength: partitions }),
    wasLeader: fc.boolean(),
  })
  return fc.record({
    members: fc.uniqueArray(state, { selector: each => each.memberId, minLength: 1, maxLength: members }),
    topics: fc
      .tuple(...names.map(() => fc.integer({ min: 0, max: partitions })))
      .map(counts => new Map(names.map((name, index) => [name, counts[index] ?? 0]))),
  })
}

/** A group that runs what it was given, and somebody who is not in it yet. */
function atRest(): fc.Arbitrary<{ members: MemberState[]; topics: Topics; stranger: MemberState }> {
  const rested = group({ sameTopics: true }).map(({ members, topics }) => {
    const fresh = members.map(each => ({ ...each, owned: [], held: [] }))
    return { members: running(fresh, assign(fresh, topics)), topics }
  })
  return fc.record({ rested, id: fc.string({ minLength: 4, maxLength: 5 }) }).map(({ rested: { members, topics }, id }) => ({
    members,
    topics,
    stranger: { ...member(id, {}), topics: [...topics.keys()] },
  }))
}

function member(
  memberId: string,
  says: { topics?: string[]; owned?: string[]; held?: string[]; generation?: number },
): MemberState {
  const { topics = ['orders'], owned = [], held = [], generation = 1 } = says
  const places = (names: string[]): TopicPartition[] =>
    names.map(name => ({ topic: name.split(':')[0] ?? '', partition: Number(name.split(':')[1]) }))
  return { memberId, instanceId: null, generation, topics, owned: places(owned), held: places(held), wasLeader: false }
}

function shuffledMember(member: MemberState): fc.Arbitrary<MemberState> {
  const { topics, owned, held } = member
  const shuffled = <T>(items: readonly T[]): fc.Arbitrary<T[]> => fc.shuffledSubarray([...items], { minLength: items.length })
  return fc
    .record({ topics: shuffled(topics), owned: shuffled(owned), held: shuffled(held) })
    .map(said => ({ ...member, ...said }))
}

/** The same members once they run what they were given. */
function running(members: readonly MemberState[], result: Result): MemberState[] {
  return members.map(member => {
    const { active = [], isLeader = false } = result.get(member.memberId) ?? {}
    return { ...member, generation: 9, owned: active, wasLeader: isLeader }
  })
}

function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}

function cohortsOf(members: readonly MemberState[], topics: Topics): Cohorts {
  const cohorts = new Map<string, TopicPartition[][]>()
  for (const [topic, count] of topics) {
    const subscribers = members.filter(member => member.topics.includes(topic)).map(member => member.memberId)
    if (subscribers.length === 0 || count === 0) continue
    const key = JSON.stringify([count, subscribers.sort()])
    const units = cohorts.get(key) ?? partitionsOf(topic, count).map(() => [])
    for (const at of partitionsOf(topic, count)) units[at.partition]?.push(at)
    cohorts.set(key, units)
  }
  return cohorts
}

function holdersOf(result: Result, unit: readonly TopicPartition[]): string[] {
  return unit.flatMap(at =>
    [...result].filter(([, { active }]) => active.some(given => nameOf(given) === nameOf(at))).map(([id]) => id),
  )
}

function loadsOf(result: Result, cohorts: Cohorts): Map<string, number> {
  const loads = new Map([...result.keys()].map(id => [id, 0]))
  for (const unit of [...cohorts.values()].flat()) {
    const [id = ''] = holdersOf(result, unit)
    loads.set(id, (loads.get(id) ?? 0) + 1)
  }
  return loads
}

function has(result: Result, id: string, topic: string): boolean {
  return result.get(id)?.active.some(at => at.topic === topic) ?? false
}

function named(members: readonly MemberState[], id: string): MemberState {
  return members.find(member => member.memberId === id) ?? member(id, {})
}

/** The member that has most of a unit, as the design note defines it. */
function ownerOf(members: readonly MemberState[], unit: readonly TopicPartition[]): string | undefined {
  const sorted = [...members].sort((left, right) => (left.memberId < right.memberId ? -1 : 1))
  const eligible = subscribersOf(members, unit)
  const claimants = unit.map(at => {
    const claiming = sorted.filter(({ owned }) => owned.some(own => nameOf(own) === nameOf(at)))
    const latest = Math.max(...claiming.map(({ generation }) => generation))
    return claiming.find(({ generation }) => generation === latest)?.memberId
  })
  const votes = (id: string): number => claimants.filter(claimant => claimant === id).length
  const most = Math.max(0, ...eligible.map(votes))
  return most === 0 ? undefined : eligible.find(id => votes(id) === most)
}

function subscribersOf(members: readonly MemberState[], unit: readonly TopicPartition[]): string[] {
  const topic = unit[0]?.topic ?? ''
  return members
    .filter(member => member.topics.includes(topic))
    .map(member => member.memberId)
    .sort()
}

function lost(member: MemberState, result: Result): TopicPartition[] {
  const now = new Set((result.get(member.memberId)?.active ?? []).map(nameOf))
  return member.owned.filter(at => !now.has(nameOf(at)))
}

function gained(member: MemberState, result: Result): TopicPartition[] {
  const before = new Set(member.owned.map(nameOf))
  return (result.get(member.memberId)?.active ?? []).filter(at => !before.has(nameOf(at)))
}

function squares(places: readonly string[]): number {
  const counts = new Map<string, number>()
  for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1)
  return [...counts.values()].reduce((sum, count) => sum + count * count, 0)
}

function lessThan(left: readonly number[], right: readonly number[]): boolean {
  const differs = left.findIndex((value, index) => value !== right[index])
  return differs !== -1 && (left[differs] ?? 0) < (right[differs] ?? 0)
}

function shown(result: Result): Record<string, string> {
  return Object.fromEntries([...result].map(([id, { active }]) => [id, active.map(nameOf).join(' ')]))
}
