import { expect, test } from 'vitest'
import type { TopicPartition } from '../transport/transport.js'
import { decodeAssignment, encodeMember } from './assignment-codec.js'
import { assign } from './assignor.js'
import { nameOf, type MemberState } from './member-state.js'
import { Leadership, leadRound, withhold } from './leader.js'

test('nobody leads before an assignment says so', () => {
  const leadership = new Leadership()
  expect(leadership.isLeader).toBe(false)
  expect(leadership.signal().aborted).toBe(true)
})

test('the signal of a term fires when it ends, and a new term has a new one', () => {
  const leadership = new Leadership()
  leadership.update(true)
  const first = leadership.signal()
  leadership.update(true)
  expect(leadership.signal()).toBe(first)
  expect(first.aborted).toBe(false)
  leadership.update(false)
  expect(first.aborted).toBe(true)
  leadership.update(true)
  expect(leadership.isLeader).toBe(true)
  expect(leadership.signal().aborted).toBe(false)
  expect(first.aborted).toBe(true)
})

test('listeners hear of changes only, until they stop listening', () => {
  const leadership = new Leadership()
  const heard: boolean[] = []
  const stop = leadership.onChange(isLeader => heard.push(isLeader))
  for (const isLeader of [false, true, true, false]) leadership.update(isLeader)
  stop()
  stop()
  leadership.update(true)
  expect(heard).toEqual([true, false])
})

test('a listener that looks sees the state it was told', () => {
  const leadership = new Leadership()
  const seen: boolean[] = []
  leadership.onChange(isLeader => seen.push(isLeader === leadership.isLeader && isLeader === !leadership.signal().aborted))
  leadership.update(true)
  leadership.update(false)
  expect(seen).toEqual([true, true])
})

test('what somebody else owns is given to nobody, and the group has not settled', () => {
  const members = [member('a', ['orders:0', 'orders:1', 'orders:2', 'orders:3']), member('b', [])]
  const { assignments, isSettled } = withhold(members, assign(members, new Map([['orders', 4]])))
  expect(shown(assignments.values())).toEqual(['orders:0 orders:1', ''])
  expect(isSettled).toBe(false)
})

test('what nobody owns any more is given, and the group has settled', () => {
  const members = [member('a', ['orders:0', 'orders:1']), member('b', [])]
  const { assignments, isSettled } = withhold(members, assign(members, new Map([['orders', 4]])))
  expect(shown(assignments.values())).toEqual(['orders:0 orders:1', 'orders:2 orders:3'])
  expect(isSettled).toBe(true)
})

test('a zombie has to give up what a later generation owns, and its owner keeps it', () => {
  const members = [member('a', ['orders:0', 'orders:1']), { ...member('b', ['orders:1']), generation: 2 }]
  const { assignments, isSettled } = withhold(members, assign(members, new Map([['orders', 2]])))
  expect(shown(assignments.values())).toEqual(['orders:0', 'orders:1'])
  expect(isSettled).toBe(false)
})

test('whoever owns what no longer exists has to give it up', () => {
  const members = [member('a', ['gone:0'])]
  expect(withhold(members, assign(members, new Map())).isSettled).toBe(false)
})

test('the leader of a round counts every topic that somebody subscribes to, also those that do not exist', async () => {
  const asked: string[][] = []
  const topics = (names: readonly string[]): Promise<ReadonlyMap<string, number>> => {
    asked.push([...names])
    return Promise.resolve(new Map([['orders', 2]]))
  }
  const says = (id: string, subscribed: string[]): { memberId: string; instanceId: null; metadata: Uint8Array } => ({
    memberId: id,
    instanceId: null,
    metadata: encodeMember({ ...member(id, []), topics: subscribed }),
  })
  const told = await leadRound([says('a', ['users', 'orders']), says('b', ['orders'])], topics)
  expect(asked).toEqual([['orders', 'users']])
  expect(decodeAssignment('b', told.get('b') ?? new Uint8Array())).toEqual({
    active: [{ topic: 'orders', partition: 1 }],
    isLeader: false,
    isSettled: true,
    topics: ['orders'],
    counts: new Map([
      ['orders', 2],
      ['users', 0],
    ]),
  })
})

function member(memberId: string, owned: string[]): MemberState {
  const places = owned.map(name => ({ topic: name.split(':')[0] ?? '', partition: Number(name.split(':')[1]) }))
  return { memberId, instanceId: null, generation: 1, topics: ['orders'], owned: places, held: [], wasLeader: false }
}

function shown(assignments: Iterable<{ active: readonly TopicPartition[] }>): string[] {
  return [...assignments].map(({ active }) => active.map(nameOf).join(' '))
}
