import { expect, test } from 'vitest'
import { silentLogger } from '../../lib/log.js'
import { type Random, seededRandom } from '../../lib/random.js'
import { outgoing, Reading } from '../../testing/contract/messages.js'
import { Seat } from '../../testing/contract/seat.js'
import { type VirtualClock, virtualClock } from '../../testing/virtual-clock.js'
import type { Producer } from '../../transport/transport.js'
import { MemoryBroker } from './broker.js'
import type { Fault, FaultSite } from './faults.js'

const trouble = ({ random }: FaultSite): Fault | null => {
  const chance = random.next()
  if (chance < 0.1) return { kind: 'delay', ms: Math.floor(random.next() * 300) }
  return chance < 0.2 ? { kind: 'drop' } : chance < 0.3 ? { kind: 'duplicate' } : null
}

/** Three members that write, read, join, leave and are cut off, on a bad network. Returns all that happened, in order. */
async function run(seed: number): Promise<string[]> {
  const happened: string[] = []
  const clock = virtualClock()
  const random = seededRandom(seed)
  const broker = new MemoryBroker({
    faults: { produce: trouble, deliver: trouble, commit: trouble, join: trouble, heartbeat: trouble },
  })
  for (const who of ['a', 'b', 'c']) await takePart({ broker, clock, random, who, happened })
  for (let step = 0; step < 40; step++) {
    await clock.advance(250)
    if (step === 20) broker.sever('b')
  }
  return happened
}

interface Part {
  readonly broker: MemoryBroker
  readonly clock: VirtualClock
  readonly random: Random
  readonly who: string
  readonly happened: string[]
}

async function takePart({ broker, clock, random, who, happened }: Part): Promise<void> {
  const log = (what: string): void => void happened.push(`${clock.elapsed()} ${who} ${what}`)
  const connection = broker.connect({ clientId: who, clock, random, log: silentLogger })
  await connection.admin.createTopics([{ name: 'orders', partitions: 2 }])
  const reader = connection.reader({ isolation: 'read-committed', onError: error => log(error.message) })
  for (const partition of [0, 1]) {
    const seen = new Reading(reader, { topic: 'orders', partition }, 'earliest')
    seen.delivered = () => log(`read ${partition}: ${seen.values.slice(-1).join()} of ${seen.count}`)
  }
  const seat = new Seat(connection, { groupId: 'group', sessionTimeoutMs: 3000, rebalanceTimeoutMs: 2000 })
  seat.metadata = who
  seat.assign = members => {
    log(`assigns ${members.map(({ memberId }) => memberId).join()}`)
    return new Map()
  }
  seat.start()
  const producer = await connection.producer({ transactionalId: who, transactionTimeoutMs: 4000 })
  let isBusy = false
  const write = (): void => {
    clock.after(Math.floor(random.next() * 500), write, 'work')
    if (isBusy) return
    isBusy = true
    void transact({ producer, random, log }).finally(() => (isBusy = false))
  }
  write()
}

interface Writing {
  readonly producer: Producer
  readonly random: Random
  readonly log: (what: string) => void
}

async function transact({ producer, random, log }: Writing): Promise<void> {
  try {
    await producer.begin()
    const partition = Math.floor(random.next() * 2)
    for (let left = 3; left > 0; left--)
      producer.append(outgoing({ topic: 'orders', partition }, `${Math.floor(random.next() * 1e6)}`))
    if (random.next() < 0.2) await producer.abort()
    else await producer.commit([], null)
    log('committed')
  } catch (error) {
    log(String(error))
  }
}

test('the same seed makes the same run, another seed another one', async () => {
  const [first, again, other] = [await run(7), await run(7), await run(8)]
  expect(first.length).toBeGreaterThan(150)
  expect(again).toEqual(first)
  expect(other).not.toEqual(first)
})
