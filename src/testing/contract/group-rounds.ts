import assert from 'node:assert/strict'
import { nextTurn } from '../../lib/clock.js'
import { type ContractTest, type Scene, expectCode } from './scene.js'
import type { Seat } from './seat.js'

export const groupRounds: readonly ContractTest[] = [
  { name: 'groups: a member that is alone leads and gets what it assigns itself', run: joinsAlone },
  { name: 'groups: the leader sees what each says of itself, and each gets its own bytes', run: assignsEach },
  { name: 'groups: members that join one upon the other agree soon, however long their sessions are', run: joinsTogether },
  { name: 'groups: the leader may take its time to assign', run: assignsLate },
  { name: 'groups: what assign throws, the leader gets from join', run: assignFails },
  { name: 'groups: a member that leaves hands over at once', run: handsOver },
  { name: 'groups: leave never fails, whatever it leaves', run: leavesAlways },
  { name: 'groups: a member that is silent is out when its session ends', run: losesSilent },
  { name: 'groups: heartbeats keep a member for as long as it likes', run: keepsAlive },
  { name: 'groups: a member that does not join again in time is out and hears of it', run: throwsOut },
  { name: 'groups: a member that was out may join again', run: comesBack },
  { name: 'groups: a member that has something new to say causes a round', run: roundByChange },
  { name: 'groups: the leader may ask for a round with nothing new to say', run: roundByLeader },
  { name: 'groups: a cooperative hand-over takes two rounds, and nothing is taken away in between', run: cooperates },
  { name: 'groups: groups do not mind each other', run: keepsApart },
]

async function joinsAlone(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const seat = await scene.seat(groupId)
  seat.metadata = 'mine'
  await scene.agree(seat)
  const { memberId, generation, isLeader, instanceId, assignment } = seat.current
  assert.deepEqual([seat.current.groupId, isLeader, instanceId], [groupId, true, null])
  assert.ok(memberId.length > 0 && generation > 0)
  assert.equal(Buffer.from(assignment).toString(), 'mine')
  assert.deepEqual(
    seat.roll.map(member => [member.memberId, member.instanceId, Buffer.from(member.metadata).toString()]),
    [[memberId, null, 'mine']],
  )
}

async function assignsEach(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const seats = [await scene.seat(groupId), await scene.seat(groupId, { instanceId: 'static' }), await scene.seat(groupId)]
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  for (const [index, seat] of seats.entries()) {
    seat.metadata = `member ${index}`
    seat.assign = members =>
      new Map(
        members.map(({ memberId, metadata }) => [memberId, Buffer.concat([Buffer.from('for '), metadata, Buffer.from(every)])]),
      )
  }
  await scene.agree(...seats)
  assert.equal(seats.filter(({ current }) => current.isLeader).length, 1)
  const leader = seats.find(({ current }) => current.isLeader) as Seat
  const ids = leader.roll.map(({ memberId }) => memberId)
  assert.deepEqual(ids, [...ids].sort())
  assert.deepEqual(leader.roll.map(({ metadata }) => Buffer.from(metadata).toString()).sort(), [
    'member 0',
    'member 1',
    'member 2',
  ])
  assert.deepEqual(
    leader.roll.map(({ instanceId }) => instanceId).filter(id => id !== null),
    ['static'],
  )
  for (const [index, seat] of seats.entries()) {
    const expected = Buffer.concat([Buffer.from(`for member ${index}`), every])
    assert.deepEqual(Buffer.from(seat.current.assignment), expected)
  }
}

/** A request to join again may come together with the answer that ends a round: it must not get lost until a heartbeat. */
async function joinsTogether(scene: Scene): Promise<void> {
  const patient = { sessionTimeoutMs: 90_000, rebalanceTimeoutMs: 90_000 }
  const joinEvery = async (turns: number): Promise<void> => {
    const groupId = scene.name('group')
    const seats = [await scene.seat(groupId, patient), await scene.seat(groupId, patient), await scene.seat(groupId, patient)]
    const start = scene.clock.now()
    for (const seat of seats) {
      seat.start()
      for (let turn = 0; turn < turns; turn++) await nextTurn(scene.clock)
    }
    await scene.agreed(...seats)
    assert.ok(scene.clock.now() - start < 15_000, 'a member heard of a round much too late')
  }
  await Promise.all(Array.from({ length: 8 }, (_, turns) => joinEvery(turns)))
}

async function assignsLate(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const seats = [await scene.seat(groupId), await scene.seat(groupId)]
  for (const [index, seat] of seats.entries()) {
    seat.metadata = `member ${index}`
    const echo = seat.assign
    seat.assign = async members => {
      await new Promise<void>(resolve => scene.clock.turn(resolve))
      return echo(members)
    }
  }
  await scene.agree(...seats)
  assert.deepEqual(
    seats.map(({ assigned }) => assigned),
    ['member 0', 'member 1'],
  )
}

async function assignFails(scene: Scene): Promise<void> {
  const seat = await scene.seat(scene.name('group'))
  seat.assign = () => assert.fail('cannot assign')
  const error = await scene.wait(seat.join().catch((caught: unknown) => caught))
  assert.ok(error instanceof assert.AssertionError && error.message === 'cannot assign', String(error))
}

async function handsOver(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const [stays, leaves] = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(stays, leaves)
  const start = scene.clock.now()
  await scene.wait(leaves.group.leave())
  await scene.agreed(stays)
  assert.ok(scene.clock.now() - start < 5000, 'the others had to wait for the end of its session')
  assert.deepEqual([leaves.lost, leaves.refusals], [[], []])
}

async function leavesAlways(scene: Scene): Promise<void> {
  const seat = await scene.seat(scene.name('group'))
  await scene.wait(seat.group.leave())
  await scene.agree(seat)
  await scene.wait(seat.group.leave())
  await scene.wait(seat.group.leave())
  await scene.wait(seat.connection.close())
  await scene.wait(seat.group.leave())
}

/** Closing a connection says no goodbye: that is what a crash looks like, and what lets a static member restart. */
async function losesSilent(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const [stays, silent] = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(stays, silent)
  const start = scene.clock.now()
  const { notices } = stays
  await scene.wait(silent.connection.close())
  await scene.until(() => stays.notices > notices, 'a round without the silent member')
  assert.ok(scene.clock.now() - start >= 3000, 'its session ended before its time')
  await scene.agreed(stays)
}

async function keepsAlive(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const seats = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(...seats)
  const { generation } = (seats[0] as Seat).current
  const start = scene.clock.now()
  await scene.until(() => scene.clock.now() - start > 18_000, 'three session time-outs')
  for (const seat of seats) {
    assert.deepEqual(seat.lost, [])
    await scene.commit(seat)
    assert.equal(seat.current.generation, generation)
  }
}

async function throwsOut(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const patient = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 3000 }
  const [idle, other] = [await scene.seat(groupId, patient), await scene.seat(groupId, patient)]
  await scene.agree(idle)
  idle.isObedient = false
  const start = scene.clock.now()
  other.start()
  await scene.until(() => idle.notices > 0, 'a request to join again')
  await scene.agreed(other)
  assert.ok(scene.clock.now() - start < 25_000, 'the others had to wait for the end of its session')
  await scene.refused(scene.commit(idle), 'FAUST_FENCED')
  await scene.until(() => idle.lost.length === 1, 'word of the loss')
  expectCode('FAUST_FENCED')(idle.lost[0])
}

async function comesBack(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const [idle, other] = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(idle)
  idle.isObedient = false
  other.start()
  await scene.agreed(other)
  await scene.until(() => idle.lost.length === 1, 'word of the loss')
  const before = idle.memberId
  idle.isObedient = true
  await scene.agree(idle, other)
  assert.notEqual(idle.memberId, before)
}

async function roundByChange(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const seats = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(...seats)
  const follower = seats.find(({ current }) => !current.isLeader) as Seat
  const { generation } = follower.current
  follower.metadata = 'changed'
  follower.start()
  await scene.until(() => follower.current.generation > generation, 'another generation')
  await scene.agreed(...seats)
  assert.equal(follower.assigned, 'changed')
}

async function roundByLeader(scene: Scene): Promise<void> {
  const groupId = scene.name('group')
  const seats = [await scene.seat(groupId), await scene.seat(groupId)]
  await scene.agree(...seats)
  const leader = seats.find(({ current }) => current.isLeader) as Seat
  const { generation } = leader.current
  leader.assign = members => new Map(members.map(({ memberId }) => [memberId, Buffer.from('anew')]))
  leader.start()
  await scene.until(() => leader.current.generation > generation, 'another generation')
  await scene.agreed(...seats)
  assert.deepEqual(
    seats.map(({ assigned }) => assigned),
    ['anew', 'anew'],
  )
}

async function cooperates(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const groupId = scene.name('group')
  const [old, young] = [await scene.seat(groupId), await scene.seat(groupId)]
  for (const seat of [old, young]) seat.assign = shareOut
  await scene.agree(old)
  assert.equal(old.assigned, 'ab')
  // Asked to join again, it goes on with what it has, and may commit until the round is over.
  old.isObedient = false
  young.start()
  await scene.until(() => old.notices > 0, 'a request to join again')
  await scene.wait(old.group.commit([{ ...at, offset: 5 }], old.current))
  old.metadata = 'ab'
  old.isObedient = true
  await scene.agree(old, young)
  assert.deepEqual([old.assigned, young.assigned], ['a', ''])
  // It has let go of b and says so: only now somebody else may have it.
  old.metadata = 'a'
  old.start()
  await scene.until(() => young.assigned === 'b', 'the second round')
  await scene.agreed(old, young)
  assert.deepEqual([old.assigned, young.assigned], ['a', 'b'])
  assert.deepEqual(await scene.wait(young.group.committed([at])), [{ ...at, offset: 5 }])
}

/** Of the partitions a and b each member gets one, but none that another still claims. */
const shareOut: Seat['assign'] = members => {
  const claims = members.map(({ metadata }) => Buffer.from(metadata).toString())
  const claimed = claims.join('')
  const free = ['a', 'b'].filter(name => !claimed.includes(name))
  const most = Math.ceil(2 / members.length)
  const shares = claims.map(claim => {
    const kept = claim.slice(0, most)
    return kept + free.splice(0, most - kept.length).join('')
  })
  return new Map(members.map(({ memberId }, index) => [memberId, Buffer.from(shares[index] ?? '')]))
}

async function keepsApart(scene: Scene): Promise<void> {
  const connection = await scene.connect()
  const [one, other] = [
    await scene.seat(scene.name('group'), { connection }),
    await scene.seat(scene.name('group'), { connection }),
  ]
  await scene.agree(one)
  await scene.agree(other)
  await scene.agreed(one)
  await scene.wait(other.group.leave())
  await scene.commit(one)
  assert.deepEqual([one.rounds, one.notices], [1, 0])
}
