import { describe, expect, test } from 'vitest'
import { ClosedError, StoreError, TransportError } from '../../src/errors.js'
import { Deferred } from '../../src/lib/deferred.js'
import { cluster, groupOf, Switch } from '../fixtures/rebalancing.js'

describe('a membership that ends', () => {
  test('owns nothing at once, and joins anew', async () => {
    const faults = new Switch()
    const { clock, member } = await cluster({ orders: 2 }, faults)
    const a = member('a')
    await a.start('orders')
    a.since()
    faults.heartbeat = () => ({ kind: 'fence' })
    await clock.advance('3.4s')
    faults.heartbeat = () => null
    expect(a.since()).toEqual(['lost: FencedError'])
    expect([a.owned, a.rebalancer.membership]).toEqual(['', null])
    await clock.advance('1s')
    expect(a.since()).toEqual(['assign orders:0 orders:1', 'rebalanced orders:0 orders:1, leads'])
  })

  test('during a revoke is heard at once; nothing is joined before the revoke is over', async () => {
    const { clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    await a.start('orders')
    const revoking = a.holdRevoke()
    await b.start('orders')
    // Another round that it does not join in time.
    b.rebalancer.subscribe(['orders', 'none'])
    await clock.advance('40s')
    expect(a.since()).toEqual(['revoke orders:1', 'lost: FencedError'])
    expect([a.owned, b.owned]).toEqual(['', 'orders:0 orders:1'])
    revoking.resolve()
    await clock.advance('1s')
    expect(a.since()).toEqual(['revoked', 'assign orders:1', 'rebalanced orders:1'])
  })

  test('during an assign is heard at once; what was given is assigned again', async () => {
    const faults = new Switch()
    const { clock, member } = await cluster({ orders: 1 }, faults)
    const a = member('a')
    const assigning = new Deferred<void>()
    a.onAssign = () => assigning.promise
    const started = a.start('orders')
    await clock.settled()
    faults.heartbeat = () => ({ kind: 'fence' })
    await clock.advance('3.4s')
    faults.heartbeat = () => null
    expect(a.since()).toEqual(['assign orders:0', 'lost: FencedError'])
    assigning.resolve()
    await clock.advance('1s')
    await started
    expect(a.since()).toEqual(['assign orders:0', 'rebalanced orders:0, leads'])
  })

  test('found out by a join, it is lost as well', async () => {
    const faults = new Switch()
    const { clock, member } = await cluster({ orders: 1, users: 1 }, faults)
    const a = member('a')
    await a.start('orders')
    a.since()
    faults.join = () => ({ kind: 'fence' })
    a.rebalancer.subscribe(['orders', 'users'])
    await clock.settled()
    faults.join = () => null
    expect(a.since()).toEqual(['lost: FencedError'])
    await clock.advance('1s')
    expect(a.owned).toBe('orders:0 users:0')
  })

  test('waits longer each time it ends soon, so that two of one instance id do not take turns busily', async () => {
    const { clock, member } = await cluster({ orders: 1 })
    const [a, b] = [member('a', 'one'), member('b', 'one')]
    void a.start('orders')
    void b.start('orders')
    await clock.advance('5m')
    const losses = [...a.heard, ...b.heard].filter(word => word.startsWith('lost'))
    expect(losses.length).toBeGreaterThan(5)
    expect(losses.length).toBeLessThan(60)
  })
})

describe('callbacks that throw', () => {
  test('a revoke: the partitions are given up all the same', async () => {
    const { clock, member, logged } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    a.onRevoke = () => Promise.reject(new StoreError('the disk is full'))
    await a.start('orders')
    await b.start('orders')
    await clock.settled()
    expect([a.owned, b.owned]).toEqual(['orders:0', 'orders:1'])
    expect(logged.join()).toContain('Revoking partitions failed')
  })

  test('an assign: the membership is given up and joined anew, until it works', async () => {
    const { clock, member } = await cluster({ orders: 1 })
    const a = member('a')
    let failures = 2
    a.onAssign = () => (failures-- > 0 ? Promise.reject(new StoreError('locked')) : undefined)
    const started = a.start('orders')
    await clock.advance('2s')
    await started
    const once = ['assign orders:0', 'lost: StoreError']
    expect(a.heard).toEqual([...once, ...once, 'assign orders:0', 'rebalanced orders:0, leads'])
  })

  test('lost and rebalanced: logged, and no more than that', async () => {
    const faults = new Switch()
    const { clock, member, logged } = await cluster({ orders: 1 }, faults)
    const a = member('a')
    a.onWord = () => {
      throw new StoreError('no ears')
    }
    await a.start('orders')
    faults.heartbeat = ({ attempt }) => (attempt === 1 ? { kind: 'fence' } : null)
    await clock.advance('3.4s')
    faults.heartbeat = () => null
    await clock.advance('1s')
    expect(a.owned).toBe('orders:0')
    expect(logged.filter(line => line.includes('What should have heard'))).toHaveLength(3)
  })
})

describe('joins that fail', () => {
  test('are tried again with back-off, while what is owned is kept', async () => {
    const { clock, member, logged } = await cluster({ orders: 1, users: 1 })
    const a = member('a')
    await a.start('orders')
    a.since()
    const { topics } = a
    a.topics = () => Promise.reject(new TransportError('no answer'))
    a.rebalancer.subscribe(['orders', 'users'])
    await clock.advance('20s')
    expect([a.owned, a.since()]).toEqual(['orders:0', []])
    expect(logged.filter(line => line.includes('A round of the group failed')).length).toBeLessThan(12)
    a.topics = topics
    await clock.advance('10s')
    expect([a.owned, a.since()[0]]).toEqual(['orders:0 users:0', 'assign users:0'])
  })

  test('the check of changed topics as well', async () => {
    const { admin, clock, member } = await cluster({ orders: 1 })
    const a = member('a')
    await a.start('orders')
    await admin.addPartitions('orders', 2)
    const { topics } = a
    a.topics = () => Promise.reject(new TransportError('no answer'))
    a.rebalancer.topicsChanged()
    await clock.settled()
    a.topics = topics
    await clock.advance('1s')
    expect(a.owned).toBe('orders:0 orders:1')
  })

  test('for good: start says so', async () => {
    const { member } = await cluster({ orders: 1 })
    const a = member('a')
    a.topics = () => Promise.reject(new TransportError('not allowed', { retriable: false }))
    await expect(a.start('orders')).rejects.toThrow('not allowed')
    await a.rebalancer.stop()
  })

  test('because the connection is closed: start says so, and a member loses its partitions', async () => {
    const { clock, member } = await cluster({ orders: 1 })
    const [a, b] = [member('a'), member('b')]
    await a.connection.close()
    await expect(a.start('orders')).rejects.toThrow(ClosedError)
    await b.start('orders')
    await b.connection.close()
    b.rebalancer.subscribe(['users', 'orders'])
    await clock.settled()
    expect(b.heard.at(-1)).toBe('lost: ClosedError')
    expect(b.owned).toBe('')
    await b.rebalancer.stop()
  })

  test('because of a member that cannot be read: the log says which', async () => {
    const { clock, connect, member, logged } = await cluster({ orders: 1 })
    const a = member('a')
    await a.start('orders')
    const ears = { onRebalance: () => undefined, onLost: () => undefined }
    const foreign = connect('foreign').group({ ...groupOf(undefined), ...ears })
    foreign.join({ topics: ['orders'], metadata: Buffer.from('hello'), assign: () => new Map() }).catch(() => undefined)
    await clock.advance('1s')
    expect(logged.join()).toContain(`Cannot read of group member 'foreign-0002' what it says of itself: its 5 bytes are not JSON`)
    expect(a.owned).toBe('orders:0')
    await foreign.leave()
    await clock.advance('10s')
    expect([a.owned, a.heard.includes('lost: FencedError')]).toEqual(['orders:0', false])
  })
})

describe('stopping', () => {
  test('before the first assignment: start rejects, and the group is left', async () => {
    const { clock, member } = await cluster({ orders: 1 })
    const [a, b] = [member('a'), member('b')]
    a.topics = () => new Promise(() => undefined)
    const started = a.start('orders')
    await clock.settled()
    await a.rebalancer.stop()
    await expect(started).rejects.toThrow(ClosedError)
    await b.start('orders')
    expect([a.heard, b.owned]).toEqual([[], 'orders:0'])
  })

  test('during a round: what it revokes can be committed under the membership of that round', async () => {
    const { clock, member } = await cluster({ orders: 3 })
    const [a, b, c] = [member('a'), member('b'), member('c')]
    await a.start('orders')
    await b.start('orders')
    await clock.settled()
    const slow = new Deferred<void>()
    const { topics } = a
    a.topics = async names => {
      await slow.promise
      return topics(names)
    }
    a.onRevoke = (partitions, membership) =>
      a.group.commit(
        partitions.map(at => ({ ...at, offset: 3 })),
        membership,
      )
    void c.start('orders')
    await clock.settled()
    const stopped = a.rebalancer.stop()
    slow.resolve()
    await stopped
    await clock.settled()
    const committed = await c.group.committed(['0', '1', '2'].map(n => ({ topic: 'orders', partition: Number(n) })))
    expect(committed.map(({ partition }) => partition)).toEqual([0, 1])
    expect([b.owned, c.owned].join(' ').split(' ').sort()).toEqual(['orders:0', 'orders:1', 'orders:2'])
  })

  test('during a round that takes long: waits 5 s at most', async () => {
    const { clock, member } = await cluster({ orders: 2 })
    const [a, b] = [member('a'), member('b')]
    await a.start('orders')
    await b.start('orders')
    await clock.settled()
    a.topics = () => new Promise(() => undefined)
    a.since()
    a.rebalancer.subscribe(['orders', 'none'])
    await clock.settled()
    const stopped = a.rebalancer.stop()
    await clock.advance('4.9s')
    expect(a.since()).toEqual([])
    await clock.advance('0.2s')
    await stopped
    expect(a.since()).toEqual(['revoke orders:0', 'revoked'])
  })

  test('during an assign that takes long: what was given is given up at once', async () => {
    const { clock, member } = await cluster({ orders: 1 })
    const [a, b] = [member('a'), member('b')]
    a.onAssign = () => new Promise(() => undefined)
    const started = a.start('orders')
    await clock.settled()
    await a.rebalancer.stop()
    await expect(started).rejects.toThrow(ClosedError)
    expect(a.since()).toEqual(['assign orders:0', 'revoke orders:0', 'revoked'])
    await b.start('orders')
    expect(b.owned).toBe('orders:0')
  })

  test('while it looks at changed topics: does not wait for that', async () => {
    const { clock, member } = await cluster({ orders: 1 })
    const a = member('a')
    await a.start('orders')
    await clock.settled()
    a.topics = () => new Promise(() => undefined)
    a.rebalancer.topicsChanged()
    await clock.settled()
    await a.rebalancer.stop()
    expect(a.since().at(-1)).toBe('revoked')
  })

  test('while it waits to join again: ends the wait', async () => {
    const { broker, clock, member } = await cluster({ orders: 1 })
    const a = member('a')
    broker.sever('a')
    const started = a.start('orders')
    await clock.advance('30s')
    await a.rebalancer.stop()
    await expect(started).rejects.toThrow(ClosedError)
    expect(clock.hasWork).toBe(false)
  })
})
