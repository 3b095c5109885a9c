import { describe, expect, test } from 'vitest'
import { FencedError } from '../../errors.js'
import { silentLogger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { describeTransport } from '../../testing/contract/describe-transport.js'
import { numbered, outgoing, Reading } from '../../testing/contract/messages.js'
import { Seat } from '../../testing/contract/seat.js'
import { virtualUntil } from '../../testing/contract/virtual-until.js'
import { type VirtualClock, virtualClock } from '../../testing/virtual-clock.js'
import type { Connection } from '../../transport/transport.js'
import { MemoryBroker } from './broker.js'
import type { Fault, Faults, FaultSite } from './faults.js'

const at = { topic: 'orders', partition: 0 }

async function start(
  faults: Faults,
): Promise<{ connection: Connection; clock: VirtualClock; until: ReturnType<typeof virtualUntil> }> {
  const clock = virtualClock()
  const context = { clientId: 'client', clock, random: seededRandom(1), log: silentLogger }
  const connection = await new MemoryBroker({ faults }).transport().connect(context)
  await connection.admin.createTopics([{ name: at.topic, partitions: 2 }])
  return { connection, clock, until: virtualUntil(clock) }
}

/** Strikes the first attempts, one fault each. */
function first(...faults: Fault[]): (site: FaultSite) => Fault | null {
  return () => faults.shift() ?? null
}

function reading(connection: Connection, partition: number = 0): Reading {
  const reader = connection.reader({ isolation: 'read-committed', onError: error => expect.fail(error.message) })
  return new Reading(reader, { ...at, partition }, 'earliest')
}

function seat(connection: Connection): Seat {
  return new Seat(connection, { groupId: 'group', sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000 })
}

describe('produce', () => {
  test.for<Fault['kind']>(['delay', 'drop', 'duplicate'])('%s: nothing is lost or stored twice, and order holds', async kind => {
    const fault: Fault = kind === 'delay' ? { kind, ms: 500 } : { kind }
    const { connection, clock, until } = await start({ produce: first(fault) })
    const producer = await connection.producer({})
    const [early, late] = [numbered(3, 'early'), numbered(3, 'late')]
    const [struck] = early.map(value => producer.append(outgoing(at, value)))
    await clock.settled()
    const batches = late.map(value => producer.append(outgoing(at, value)))
    expect(batches[0]?.isSettled).toBe(false)
    expect(clock.hasWork).toBe(true)
    const seen = reading(connection)
    await until(() => batches.every(batch => batch.isSettled), 'acknowledgement')
    await until(() => seen.count >= 6, 'messages')
    await clock.settled()
    expect(seen.values).toEqual([...early, ...late])
    expect([struck?.isSettled, struck?.baseOffset, batches[0]?.baseOffset]).toEqual([true, 0, 3])
    expect(clock.hasWork).toBe(false)
  })

  test('while a request is under way, messages gather', async () => {
    const { connection, clock } = await start({ produce: first({ kind: 'delay', ms: 1000 }) })
    const producer = await connection.producer({})
    const under = producer.append(outgoing(at, 'first'))
    await clock.settled()
    const gathering = numbered(5).map(value => producer.append(outgoing(at, value)))
    await clock.settled()
    expect(new Set(gathering).size).toBe(1)
    expect(gathering[0]).not.toBe(under)
    expect([under.isSettled, gathering[0]?.isSettled]).toEqual([false, false])
    await clock.advance('1s')
    expect([under.isSettled, gathering[0]?.isSettled]).toEqual([true, true])
  })

  test('fence: a transactional producer is replaced', async () => {
    const { connection, clock } = await start({ produce: first({ kind: 'fence' }) })
    const producer = await connection.producer({ transactionalId: 'id' })
    await producer.begin()
    const batch = producer.append(outgoing(at, 'one'))
    await clock.settled()
    expect(batch.error).toBeInstanceOf(FencedError)
    expect(() => producer.append(outgoing(at, 'two'))).toThrow(FencedError)
    await expect(producer.commit([], null)).rejects.toThrow(FencedError)
    await expect(producer.abort()).rejects.toThrow(FencedError)
  })

  test('a site names the topics, the transaction and the attempt', async () => {
    const sites: Omit<FaultSite, 'random'>[] = []
    const produce = ({ random: _, ...site }: FaultSite): Fault | null => (sites.push(site) < 2 ? { kind: 'drop' } : null)
    const { connection, until } = await start({ produce })
    const producer = await connection.producer({})
    const batch = producer.append(outgoing(at, 'one'))
    producer.append(outgoing({ ...at, partition: 1 }, 'two'))
    await until(() => batch.isSettled, 'acknowledgement')
    expect(sites.map(({ clientId, topics, attempt }) => ({ clientId, topics, attempt }))).toEqual([
      { clientId: 'client', topics: ['orders'], attempt: 1 },
      { clientId: 'client', topics: ['orders'], attempt: 2 },
    ])
  })
})

describe('deliver', () => {
  test.for<Fault>([{ kind: 'delay', ms: 700 }, { kind: 'drop' }])(
    '%o: comes later, and holds up no other partition',
    async fault => {
      const { connection, clock } = await start({ deliver: first(fault) })
      const producer = await connection.producer({})
      for (const partition of [0, 1]) producer.append(outgoing({ ...at, partition }, 'one'))
      await clock.settled()
      const [late, other] = [reading(connection, 0), reading(connection, 1)]
      await clock.settled()
      expect([late.count, other.count]).toEqual([0, 1])
      await clock.advance('1s')
      expect(late.values).toEqual(['one'])
    },
  )

  test('what comes late to a partition that was removed is not delivered', async () => {
    const { connection, clock } = await start({ deliver: first({ kind: 'delay', ms: 700 }) })
    const producer = await connection.producer({})
    producer.append(outgoing(at, 'one'))
    const late = reading(connection)
    await clock.settled()
    late.remove()
    await clock.advance('1s')
    expect(late.count).toBe(0)
  })
})

describe('groups', () => {
  test.for<Fault>([{ kind: 'delay', ms: 100 }, { kind: 'drop' }, { kind: 'duplicate' }])(
    '%o: joins and commits get there',
    async fault => {
      const { connection, until } = await start({ join: first(fault, fault, fault), commit: first(fault, fault) })
      const seats = [seat(connection), seat(connection)]
      for (const each of seats) each.start()
      await until(() => Seat.agree(seats), 'agreement')
      const [one] = seats
      let isCommitted = false
      void one?.group.commit([{ ...at, offset: 3 }], one.current).then(() => (isCommitted = true))
      await until(() => isCommitted, 'a commit')
      expect(await one?.group.committed([at])).toEqual([{ ...at, offset: 3 }])
    },
  )

  test('a member whose heartbeats are lost is forgotten, and hears of it', async () => {
    let isCut = false
    const { connection, clock, until } = await start({ heartbeat: () => (isCut ? { kind: 'drop' } : null) })
    const member = seat(connection)
    await member.join()
    await clock.advance('30s')
    expect(member.lost).toEqual([])
    isCut = true
    await clock.advance('7s')
    isCut = false
    await until(() => member.lost.length > 0, 'word of the loss')
    expect(member.lost[0]).toBeInstanceOf(FencedError)
    await expect(member.group.commit([{ ...at, offset: 1 }], member.current)).rejects.toThrow(FencedError)
  })

  test.for(['heartbeat', 'commit', 'join'] as const)('fence: %s finds the member gone', async operation => {
    let fault: Fault | null = null
    const { connection, clock } = await start({ [operation]: () => fault })
    const member = seat(connection)
    await member.join()
    fault = { kind: 'fence' }
    if (operation === 'commit') await expect(member.group.commit([], member.current)).rejects.toThrow(FencedError)
    if (operation === 'join') await expect(member.join()).rejects.toThrow(FencedError)
    await clock.advance('10s')
    expect(member.lost.length).toBe(operation === 'join' ? 0 : 1)
  })

  test('the end of a transaction may get lost on its way, or its answer', async () => {
    for (const kind of ['drop', 'duplicate'] as const) {
      const { connection, until } = await start({ commit: first({ kind }, { kind }) })
      const producer = await connection.producer({ transactionalId: 'id' })
      const seen = reading(connection)
      await producer.begin()
      producer.append(outgoing(at, 'one'))
      let isOver = false
      void producer.commit([], null).then(() => (isOver = true))
      await until(() => isOver, 'a commit')
      expect(seen.values).toEqual(['one'])
      expect(await connection.admin.endOffsets([at], 'read-committed')).toEqual([{ ...at, offset: 2 }])
    }
  })
})

// What may go wrong on any network must not be seen through the contract.
const trouble = ({ random }: FaultSite): Fault | null => {
  const chance = random.next()
  if (chance < 0.1) return { kind: 'delay', ms: 1 + Math.floor(random.next() * 80) }
  return chance < 0.2 ? { kind: 'drop' } : chance < 0.3 ? { kind: 'duplicate' } : null
}

for (const seed of [1, 2, 3]) {
  describeTransport({
    name: `memory with a bad network, seed ${seed}`,
    describe,
    test,
    create: () => {
      const broker = new MemoryBroker({
        faults: { produce: trouble, deliver: trouble, commit: trouble, join: trouble, heartbeat: trouble },
      })
      const clock = virtualClock()
      return Promise.resolve({
        ...{ transport: broker.transport(), clock, random: seededRandom(seed), log: silentLogger },
        until: virtualUntil(clock),
        compact: (topic: string) => Promise.resolve(broker.compact(topic)),
        close: () => Promise.resolve(),
      })
    },
  })
}
