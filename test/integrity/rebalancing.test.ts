import { describe, expect, test } from 'vitest'
import { ClosedError } from '../../src/errors.js'
import { Deferred } from '../../src/lib/deferred.js'
import type { VirtualClock } from '../../src/testing/virtual-clock.js'
import { decodeMember, encodeAssignment } from '../../src/worker/assignment-codec.js'
import { cluster, groupOf, type Seat } from '../fixtures/rebalancing.js'

describe('taking part', () => {
  test('a member alone gets everything, leads, and hears that the group has settled', async () => {
    const { member } = await cluster({ orders: 2 })
    const a = member('a')
    await a.start('orders')
    expect(a.heard).toEqual(['assign orders:0 orders:1', 'rebalanced orders:0 orders:1, leads'])
    expect(a.rebalancer.membership?.generation).toBe(1)
  })

  test('what moves is revoked, awaited and only then given; what stays is never mentioned', async () => {
    const { clock, member } = await cluster({ orders: 4 })
    const [a, b] = [member('a'), member('b')]
    await a.start('orders')
    const revoking = a.holdRevoke()
    await b.start('orders')
    await clock.advance('2s')
    expect(a.since()).toEqual(['revoke orders:2 orders:3'])
    expect(a.owned).toBe('orders:0 orders:1 orders:2 orders:3')
    expect(b.heard).toEqual([])
    revoking.resolve()
    await clock.settled()
    expect(a.since()).toEqual(['revoked', 'rebalanced orders:0 orders:1, leads'])
    expect(b.heard).toEqual(['assign orders:2 orders:3', 'rebalanced orders:2 orders:3'])
  })

  test('offsets can be committed while a revoke runs, and whoever gets the partition finds them', async () => {
    const { clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    a.onRevoke = (partitions, membership) =>
      a.group.commit(
        partitions.map(at => ({ ...at, offset: 7 })),
        membership,
      )
    await a.start('orders')
    await b.start('orders')
    await clock.settled()
    expect(await b.group.committed(b.rebalancer.owned)).toEqual([{ topic: 'orders', partition: 1, offset: 7 }])
  })

  test('a member that stops gives up everything before it leaves, and the others have it at once', async () => {
    const { clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    await a.start('orders')
    await b.start('orders')
    await clock.settled()
    const revoking = a.holdRevoke()
    const stopped = a.rebalancer.stop()
    await clock.settled()
    expect(b.owned).toBe('orders:1')
    revoking.resolve()
    await stopped
    await clock.settled()
    expect(a.since()).toEqual(['revoke orders:0', 'revoked'])
    expect([a.owned, b.owned, a.rebalancer.membership]).toEqual(['', 'orders:0 orders:1', null])
    expect(b.since().at(-1)).toBe('rebalanced orders:0 orders:1, leads')
    await a.rebalancer.stop()
  })

  test('the leader of a round, whoever it is, is told what a member runs, since when, what it has on disk, and whether it leads', async () => {
    const { clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    b.held = [{ topic: 'orders', partition: 1 }]
    const said: object[] = []
    const lead = a.connection.group({ ...groupOf(undefined), onRebalance: () => void join(), onLost: () => undefined })
    const active = [{ topic: 'orders', partition: 1 }]
    const isLast = { isSettled: true, isLeader: true, topics: ['orders'], counts: new Map() }
    const join = (): Promise<unknown> =>
      lead.join({
        topics: [],
        metadata: Buffer.from(String(said.length)),
        assign: members => {
          const [state] = members.filter(({ memberId }) => memberId.startsWith('b')).map(decodeMember)
          if (state !== undefined) said.push(state)
          return new Map(members.map(({ memberId }) => [memberId, encodeAssignment({ active, ...isLast })]))
        },
      })
    await join()
    await b.start('orders')
    await join()
    await clock.settled()
    const always = { memberId: 'b-0002', instanceId: null, topics: ['orders'], held: b.held }
    expect(said).toEqual([
      { ...always, generation: -1, owned: [], wasLeader: false },
      { ...always, generation: 2, owned: active, wasLeader: true },
    ])
  })

  test('a member that crashes is succeeded when its session is over', async () => {
    const { broker, clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    await a.start('orders')
    await b.start('orders')
    await clock.settled()
    broker.sever('a')
    await clock.advance('9s')
    expect(b.owned).toBe('orders:1')
    await clock.advance('5s')
    expect(b.owned).toBe('orders:0 orders:1')
  })
})

describe('changes', () => {
  test('another subscription: dropped topics are revoked before the join, kept ones never pause', async () => {
    const { clock, member } = await cluster({ orders: 1, users: 1, pages: 1 })
    const a = member('a')
    await a.start('orders', 'users')
    a.since()
    a.rebalancer.subscribe(['users', 'pages'])
    a.rebalancer.subscribe(['pages', 'users'])
    await clock.settled()
    expect(a.since()).toEqual(['revoke orders:0', 'revoked', 'assign pages:0', 'rebalanced pages:0 users:0, leads'])
    expect(a.rebalancer.membership?.generation).toBe(2)
  })

  test('a topic dropped and wanted again while it is being revoked comes back', async () => {
    const { clock, member } = await cluster({ orders: 1, users: 1 })
    const a = member('a')
    await a.start('orders', 'users')
    const revoking = a.holdRevoke()
    a.rebalancer.subscribe(['users'])
    await clock.settled()
    a.rebalancer.subscribe(['users', 'orders'])
    revoking.resolve()
    await clock.settled()
    expect(a.since()).toEqual(['revoke orders:0', 'revoked', 'assign orders:0', 'rebalanced orders:0 users:0, leads'])
  })

  test('the leader of the round sees topics appear, grow and go; the others do nothing of their own', async () => {
    const { admin, clock, member } = await cluster({ orders: 1 })
    const [a, b] = [member('a'), member('b')]
    await a.start('orders', 'late')
    await b.start('orders', 'late')
    await clock.settled()
    const generation = a.rebalancer.membership?.generation ?? 0
    await admin.createTopics([{ name: 'other', partitions: 1 }])
    await changed(clock, b, a)
    expect(a.rebalancer.membership?.generation).toBe(generation)
    await admin.createTopics([{ name: 'late', partitions: 2 }])
    await changed(clock, b)
    expect(a.rebalancer.membership?.generation).toBe(generation)
    await changed(clock, a)
    expect([a.owned, b.owned]).toEqual(['late:0 orders:0', 'late:1'])
    await admin.addPartitions('late', 3)
    await changed(clock, a, b)
    expect([a.owned, b.owned]).toEqual(['late:0 orders:0', 'late:1 late:2'])
    await admin.deleteTopics(['late'])
    await changed(clock, a, b)
    expect([a.owned, b.owned]).toEqual(['orders:0', ''])
  })

  test('a round asked for during a revoke is not forgotten', async () => {
    const { clock, member } = await cluster({ orders: 6 })
    const [a, b, c] = [member('a'), member('b'), member('c')]
    await a.start('orders')
    const revoking = a.holdRevoke()
    await b.start('orders')
    const third = c.start('orders')
    await clock.settled()
    revoking.resolve()
    await third
    await clock.settled()
    expect([a, b, c].map(({ rebalancer }) => rebalancer.owned.length)).toEqual([2, 2, 2])
  })

  test('a partition given up for a member that goes comes back', async () => {
    const { clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    await a.start('orders')
    const revoking = a.holdRevoke()
    await b.start('orders')
    await clock.settled()
    await b.rebalancer.stop()
    revoking.resolve()
    await clock.settled()
    expect(a.since()).toEqual(['revoke orders:1', 'revoked', 'assign orders:1', 'rebalanced orders:0 orders:1, leads'])
  })
})

describe('static members', () => {
  test('a restart within the session time-out moves nothing and makes no round', async () => {
    const { clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a', 'one'), member('b', 'two')]
    await a.start('orders')
    await b.start('orders')
    await clock.settled()
    const generation = b.rebalancer.membership?.generation
    await a.rebalancer.stop()
    const again = member('a2', 'one')
    await again.start('orders')
    await clock.settled()
    expect(b.since()).toEqual(['assign orders:1', 'rebalanced orders:1'])
    expect(again.heard).toEqual(['assign orders:0', 'rebalanced orders:0, leads'])
    expect(again.rebalancer.membership?.generation).toBe(generation)
  })

  test('one that comes back with another subscription gets what that says', async () => {
    const { clock, member } = await cluster({ orders: 1, users: 1 })
    const [a, b] = [member('a', 'one'), member('b')]
    await a.start('orders')
    await b.start('orders')
    await clock.settled()
    await a.rebalancer.stop()
    const again = member('a2', 'one')
    await again.start('users')
    await clock.settled()
    expect([again.owned, b.owned]).toEqual(['users:0', 'orders:0'])
  })

  test('one that crashed while it had to give something up hands it over when it is back', async () => {
    const { broker, clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a', 'one'), member('b')]
    await a.start('orders')
    a.holdRevoke()
    await b.start('orders')
    await clock.settled()
    broker.sever('a')
    const again = member('a2', 'one')
    await again.start('orders')
    await clock.settled()
    expect([again.owned, b.owned]).toEqual(['orders:0', 'orders:1'])
  })
})

describe('stopping', () => {
  test('before the start, and a start after it', async () => {
    const { member } = await cluster({ orders: 1 })
    const a = member('a')
    await a.rebalancer.stop()
    await expect(a.start('orders')).rejects.toThrow(ClosedError)
  })

  test('during a revoke: waits for it, then revokes the rest', async () => {
    const { clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    await a.start('orders')
    const revoking = a.holdRevoke()
    await b.start('orders')
    await clock.settled()
    const stopped = a.rebalancer.stop()
    await clock.settled()
    expect(a.since()).toEqual(['revoke orders:1'])
    revoking.resolve()
    await stopped
    await clock.settled()
    expect(a.since()).toEqual(['revoked', 'revoke orders:0', 'revoked'])
    expect(b.owned).toBe('orders:0 orders:1')
  })

  test('during an assign: waits for it, then revokes what it was given', async () => {
    const { clock, member } = await cluster({ orders: 1 })
    const a = member('a')
    const assigning = new Deferred<void>()
    a.onAssign = () => assigning.promise
    const started = a.start('orders')
    await clock.settled()
    const stopped = a.rebalancer.stop()
    assigning.resolve()
    await stopped
    await expect(started).rejects.toThrow(ClosedError)
    expect(a.heard).toEqual(['assign orders:0', 'revoke orders:0', 'revoked'])
  })
})

async function changed(clock: VirtualClock, ...members: Seat[]): Promise<void> {
  for (const { rebalancer } of members) rebalancer.topicsChanged()
  await clock.settled()
}
