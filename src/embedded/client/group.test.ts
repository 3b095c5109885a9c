import { afterEach, beforeEach, expect, test } from 'vitest'
import { FencedError } from '../../errors.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { ScriptedBroker } from '../../testing/scripted-broker.js'
import { virtualClock } from '../../testing/virtual-clock.js'
import type { Membership } from '../../transport/transport.js'
import { Lifetime } from '../lifetime.js'
import { jsonFrame } from '../wire/frame-codec.js'
import { frameKind, type Notice } from '../wire/protocol.js'
import { EmbeddedGroup, type Members } from './group.js'
import { Line } from './line.js'

const clock = virtualClock()
const base64 = (text: string): string => Buffer.from(text).toString('base64')
let broker: ScriptedBroker
let life: Lifetime
let members: Members
let line: Line
let told: string[]

beforeEach(() => {
  broker = new ScriptedBroker()
  life = new Lifetime({ clientId: 'client', clock, random: seededRandom(1), log: silentLogger })
  members = new Map()
  const onNotice = (notice: Notice): void => void (notice.type === 'rebalance' && members.get(notice.memberId)?.nudge())
  line = new Line(life, { directory: './.faust', fsync: false, dial: broker.dial }, { onNotice })
  life.attach(() => line.close())
  told = []
})

afterEach(async () => {
  await life.close()
  broker.close()
})

function open(instanceId?: string): EmbeddedGroup {
  return new EmbeddedGroup(
    { life, line, members },
    {
      groupId: 'orders',
      sessionTimeoutMs: 6000,
      rebalanceTimeoutMs: 9000,
      ...(instanceId !== undefined && { instanceId }),
      onRebalance: () => told.push('rebalance'),
      onLost: error => told.push(error.message),
    },
  )
}

function join(group: EmbeddedGroup): Promise<Membership> {
  const joined = group.join({
    topics: [],
    metadata: Buffer.from('me'),
    assign: all => new Map(all.map(one => [one.memberId, one.metadata])),
  })
  joined.catch(() => undefined)
  return joined
}

/** Joins alone; what is asked is answered as a broker would. */
async function joined(group: EmbeddedGroup): Promise<Membership> {
  const joining = join(group)
  const asked = await broker.expect('join')
  const { memberId, instanceId, metadata } = asked.request
  broker.answer(asked, { generation: 3, isLeader: true, members: [{ memberId, instanceId, metadata }] })
  broker.answer(await broker.expect('sync'), base64('given'))
  return await joining
}

test('a round is a join and a sync, in which the leader says who gets what', async () => {
  const joining = join(open())
  const asked = await broker.expect('join')
  expect(asked.request).toMatchObject({
    groupId: 'orders',
    instanceId: null,
    isNew: true,
    metadata: base64('me'),
    sessionTimeoutMs: 6000,
  })
  const { memberId } = asked.request
  expect(memberId).toMatch(/^client-[0-9a-f-]{36}$/)
  const roll = ['a', 'b'].map(name => ({ memberId: name, instanceId: null, metadata: base64(`of ${name}`) }))
  broker.answer(asked, { generation: 3, isLeader: true, members: roll })
  const synced = await broker.expect('sync')
  expect(synced.request.assignments).toEqual([
    ['a', base64('of a')],
    ['b', base64('of b')],
  ])
  expect(synced.request.stamp).toEqual({ memberId, instanceId: null, generation: 3 })
  broker.answer(synced, base64('given'))
  const { assignment, ...membership } = await joining
  expect(membership).toEqual({ groupId: 'orders', memberId, instanceId: null, generation: 3, isLeader: true })
  expect(Buffer.from(assignment).toString()).toBe('given')
})

test('where everybody has to join again, it does', async () => {
  const joining = join(open())
  const first = await broker.expect('join')
  broker.answer(first, { generation: 1, isLeader: false, members: null })
  broker.answer(await broker.expect('sync'), null)
  const again = await broker.expect('join')
  expect(again.request).toMatchObject({ isNew: false, memberId: first.request.memberId })
  broker.answer(again, { generation: 2, isLeader: false, members: null })
  broker.answer(await broker.expect('sync'), base64('given'))
  expect((await joining).generation).toBe(2)
})

test('heartbeats say who it is, and hear that it has to join again', async () => {
  const { memberId } = await joined(open())
  await clock.advance('2s')
  const beat = await broker.expect('heartbeat')
  expect(beat.request).toMatchObject({ groupId: 'orders', stamp: { memberId, generation: 3 } })
  broker.answer(beat, true)
  await clock.advance('2s')
  broker.answer(await broker.expect('heartbeat'), false)
  await clock.settled()
  expect(told).toEqual(['rebalance'])
  members.get(memberId)?.nudge()
  expect(told).toEqual(['rebalance', 'rebalance'])
})

test('while it joins anyway it needs no telling', async () => {
  const group = open()
  const { memberId } = await joined(group)
  const again = join(group)
  const asked = await broker.expect('join')
  members.get(memberId)?.nudge()
  broker.answer(asked, { generation: 4, isLeader: false, members: null })
  broker.answer(await broker.expect('sync'), base64('given'))
  expect((await again).generation).toBe(4)
  await clock.settled()
  expect(told).toEqual([])
})

test('a notice that comes along with the assignment is of the next round, and is told', async () => {
  const joining = join(open())
  const asked = await broker.expect('join')
  const { memberId } = asked.request
  const notice = jsonFrame(frameKind.notice, 0, { type: 'rebalance', groupId: 'orders', memberId })
  broker.write(notice)
  broker.answer(asked, { generation: 3, isLeader: false, members: null })
  const { id } = await broker.expect('sync')
  broker.write(Buffer.concat([jsonFrame(frameKind.answer, id, base64('given')), notice]))
  expect((await joining).generation).toBe(3)
  expect(told).toEqual([])
  await clock.settled()
  expect(told).toEqual(['rebalance'])
})

test('a membership is lost when the broker has not been heard for a session', async () => {
  const { memberId } = await joined(open())
  await clock.advance('2s')
  broker.answer(await broker.expect('heartbeat'), false)
  broker.isAway = true
  broker.cut()
  await clock.settled()
  await clock.advance(5999)
  expect(told).toEqual([])
  await clock.advance(1)
  expect(told).toEqual([
    `The member "${memberId}" of the group "orders" has not heard of the broker for 6s: its session may have ended. Join again.`,
  ])
  expect(members.size).toBe(0)
})

test('it is lost as well while a round is under way, and the broker never hears of that join', async () => {
  const group = open()
  await joined(group)
  const again = join(group)
  await broker.expect('join')
  broker.isAway = true
  broker.cut()
  await clock.advance('6s')
  expect(told.length).toBe(1)
  await expect(again).rejects.toThrow(FencedError)
  broker.isAway = false
  const { memberId } = await joined(group)
  expect(members.get(memberId)).toBe(group)
})

test('a member that has been forgotten may join again as another', async () => {
  const group = open()
  const first = await joined(group)
  await clock.advance('2s')
  broker.refuse(await broker.expect('heartbeat'), new FencedError('Join again.', { retriable: true }))
  await clock.settled()
  expect(told).toEqual(['Join again.'])
  const second = await joined(group)
  expect(second.memberId).not.toBe(first.memberId)
})

test('a member that has been replaced never joins again', async () => {
  const group = open('one')
  await joined(group)
  await clock.advance('2s')
  broker.refuse(await broker.expect('heartbeat'), new FencedError('Give each its own instance id.'))
  await clock.settled()
  expect(told).toEqual(['Give each its own instance id.'])
  await expect(join(group)).rejects.toThrow('Give each its own instance id.')
})

test('leaving gives up the join that is under way', async () => {
  const group = open()
  const joining = join(group)
  const asked = await broker.expect('join')
  const left = group.leave()
  expect(await broker.next()).toMatchObject({ kind: frameKind.cancel, id: asked.id })
  const leave = await broker.expect('leave')
  expect(leave.request.memberId).toBe(asked.request.memberId)
  broker.answer(leave, null)
  await left
  await expect(joining).rejects.toMatchObject({ code: 'FAUST_FENCED' })
  await clock.advance('1m')
  expect([broker.hasHeardMore, told]).toEqual([false, []])
})

test('leaving does not wait long for a broker that is away', async () => {
  const group = open()
  await joined(group)
  broker.isAway = true
  broker.cut()
  let hasLeft = false
  void group.leave().then(() => (hasLeft = true))
  await clock.advance('5s')
  expect(hasLeft).toBe(true)
})

test('a commit that cannot be made now is an error of its own, a fenced one is not', async () => {
  const group = open()
  const membership = await joined(group)
  const commit = group.commit([{ topic: 'orders', partition: 0, offset: 7 }], membership)
  commit.catch(() => undefined)
  const asked = await broker.expect('commit')
  expect(asked.request.offsets).toEqual([{ topic: 'orders', partition: 0, offset: 7 }])
  broker.isAway = true
  broker.cut()
  await clock.advance('30s')
  await expect(commit).rejects.toMatchObject({ code: 'FAUST_COMMIT', retriable: true })
  broker.isAway = false
  const fenced = group.commit([], membership)
  broker.refuse(await broker.expect('commit'), new FencedError('Join again.', { retriable: true }))
  await expect(fenced).rejects.toMatchObject({ code: 'FAUST_FENCED' })
})
