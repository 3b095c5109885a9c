import { describe, expect, test } from 'vitest'
import { MemoryBroker } from '../../src/embedded/memory/broker.js'
import type { Fault, Faults } from '../../src/embedded/memory/faults.js'
import { ClosedError, StoreError, TransportError } from '../../src/errors.js'
import { Deferred } from '../../src/lib/deferred.js'
import { type Logger, silentLogger } from '../../src/lib/log.js'
import { seededRandom } from '../../src/lib/random.js'
import { virtualClock, type VirtualClock } from '../../src/testing/virtual-clock.js'
import type { Connection, Group, Membership, TopicPartition } from '../../src/transport/transport.js'
import { nameOf } from '../../src/worker/member-state.js'
import { Rebalancer } from '../../src/worker/rebalance.js'

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
    const foreign = connect('foreign').group({ groupId: 'app', ...timeouts, ...ears })
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

interface Cluster {
  readonly broker: MemoryBroker
  readonly clock: VirtualClock
  readonly admin: Connection['admin']
  readonly connect: (clientId: string) => Connection
  readonly member: (clientId: string, instanceId?: string) => Seat
  /** Every log line of every member, with its error. */
  readonly logged: string[]
}

/** Faults that come and go. */
class Switch implements Faults {
  heartbeat: (site: { attempt: number }) => Fault | null = () => null
  join: () => Fault | null = () => null
}

const timeouts = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 30_000 }

/** A broker with topics, and as many members of one group as a test wants: sessions of 10 s, rounds of 30 s at most. */
async function cluster(topics: Record<string, number>, faults: Faults = {}): Promise<Cluster> {
  const clock = virtualClock()
  const broker = new MemoryBroker({ faults })
  const connect = (clientId: string): Connection =>
    broker.connect({ clientId, clock, random: seededRandom(1), log: silentLogger })
  const { admin } = connect('admin')
  await admin.createTopics(Object.entries(topics).map(([name, partitions]) => ({ name, partitions })))
  const logged: string[] = []
  const note = (facts: object, message: string): void => void logged.push(`${message} ${Object.values(facts).join()}`)
  const log: Logger = { ...silentLogger, warn: note, error: note }
  const member = (clientId: string, instanceId?: string): Seat => new Seat(connect(clientId), { clock, log, instanceId })
  return { broker, clock, admin, connect, member, logged }
}

/** A member under test, which remembers what it was told. */
class Seat {
  readonly heard: string[] = []
  readonly rebalancer: Rebalancer
  readonly connection: Connection
  group!: Group
  onRevoke: (partitions: readonly TopicPartition[], membership: Membership) => Promise<void> | void = () => undefined
  onAssign: () => Promise<void> | void = () => undefined
  onWord: () => void = () => undefined
  topics: (names: readonly string[]) => Promise<ReadonlyMap<string, number>>
  #read = 0

  constructor(connection: Connection, at: { clock: VirtualClock; log: Logger; instanceId: string | undefined }) {
    const { clock, log, instanceId } = at
    this.connection = connection
    this.topics = async names => new Map((await connection.admin.topics(names)).map(({ name, partitions }) => [name, partitions]))
    const identity = { groupId: 'app', ...(instanceId === undefined ? {} : { instanceId }) }
    this.rebalancer = new Rebalancer({
      clock,
      random: seededRandom(2),
      log,
      group: callbacks => (this.group = connection.group({ ...identity, ...timeouts, ...callbacks })),
      topics: names => this.topics(names),
      callbacks: {
        revoke: async (partitions, membership) => {
          this.#hear(`revoke ${shown(partitions)}`)
          await this.onRevoke(partitions, membership)
          this.#hear('revoked')
        },
        assign: partitions => {
          this.#hear(`assign ${shown(partitions)}`)
          return this.onAssign()
        },
        lost: error => this.#hear(`lost: ${error.name}`),
        rebalanced: (all, isLeader) => this.#hear(`rebalanced ${shown(all)}${isLeader ? ', leads' : ''}`),
      },
    })
  }

  start(...topics: string[]): Promise<void> {
    return this.rebalancer.start(topics)
  }

  /** What it was told since it was started, or since this was asked last. */
  since(): string[] {
    const news = this.heard.slice(this.#read)
    this.#read = this.heard.length
    return news
  }

  /** The next revokes wait for what is returned. */
  holdRevoke(): Deferred<void> {
    this.since()
    const held = new Deferred<void>()
    this.onRevoke = () => held.promise
    return held
  }

  get owned(): string {
    return shown(this.rebalancer.owned)
  }

  #hear(what: string): void {
    this.heard.push(what)
    if (/^(lost|rebalanced)/.test(what)) this.onWord()
  }
}

function shown(partitions: readonly TopicPartition[]): string {
  return partitions.map(nameOf).join(' ')
}
