import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FencedError } from '../../errors.js'
import type { MemberStamp, WriterId } from '../wire/protocol.js'
import { BrokerTrial } from '../../testing/broker-trial.js'
import type { WireClient } from '../../testing/wire-client.js'

const at = { topic: 'orders', partition: 0 }
const other = { topic: 'orders', partition: 1 }

let trial: BrokerTrial
let client: WireClient

beforeEach(async () => {
  trial = await BrokerTrial.open()
  client = await trial.connect()
  await client.ask('createTopics', { specs: [{ name: 'orders', partitions: 2 }] })
})

afterEach(() => trial.close())

/** The owner dies without a goodbye, and the client turns to the next one. */
async function replace(): Promise<void> {
  await trial.replace()
  client = await trial.connect()
}

async function open(transactionalId: string | null = null, transactionTimeoutMs: number = 10_000): Promise<WriterId> {
  return await client.ask('openProducer', { transactionalId, transactionTimeoutMs })
}

async function values(partition: typeof at = at): Promise<readonly (string | null)[]> {
  return (await client.fetch(partition)).values
}

async function enter(memberId: string, more: { isNew?: boolean; instanceId?: string } = {}): Promise<number> {
  const { isNew = true, instanceId = null } = more
  const timeouts = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 3000 }
  const joined = await client.ask('join', { groupId: 'group', memberId, instanceId, isNew, metadata: '', ...timeouts })
  const stamp = stampOf(memberId, joined.generation)
  const assignments = joined.members === null ? null : joined.members.map(member => [member.memberId, base64('share')] as const)
  await client.ask('sync', { groupId: 'group', stamp, assignments })
  return joined.generation
}

function stampOf(memberId: string, generation: number): MemberStamp {
  return { memberId, instanceId: null, generation }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

describe('a new owner', () => {
  test('has a higher epoch and knows the topics', async () => {
    const before = trial.state.epoch
    await client.ask('addPartitions', { topic: 'orders', partitions: 3 })
    const topics = await client.ask('topics', { names: null })
    await replace()
    expect(trial.state.epoch).toBe(before + 1)
    expect(await client.ask('topics', { names: null })).toEqual(topics)
    expect(topics[0]?.partitions).toBe(3)
  })

  test('has every message that was acknowledged, and none of the others', async () => {
    const writer = await open()
    const stored = await client.produce({ writer, number: 1, transaction: 0 }, [{ at, values: ['one', 'two'] }])
    expect(stored).toEqual([0])
    client.sendProduce({ writer, number: 2, transaction: 0 }, [{ at, values: ['never'] }])
    await replace()
    const found = await values()
    expect(found.slice(0, 2)).toEqual(['one', 'two'])
    // The last one may have been committed on its way.
    expect(found.length === 2 || found[2] === 'never').toBe(true)
    const [base] = await client.produce({ writer, number: 2, transaction: 0 }, [{ at, values: ['never'] }])
    expect([base, await values()]).toEqual([2, ['one', 'two', 'never']])
  })

  test('knows what was deleted, and what a group has committed', async () => {
    const writer = await open()
    await client.produce({ writer, number: 1, transaction: 0 }, [{ at, values: ['a', 'b', 'c'] }])
    await client.ask('deleteRecords', { before: [{ ...at, offset: 2 }] })
    const generation = await enter('a')
    await client.ask('commit', { groupId: 'group', stamp: stampOf('a', generation), offsets: [{ ...at, offset: 7 }] })
    await replace()
    expect(await client.ask('startOffsets', { partitions: [at] })).toEqual([{ ...at, offset: 2 }])
    expect(await client.ask('committed', { groupId: 'group', partitions: [at, other] })).toEqual([{ ...at, offset: 7 }])
    await client.ask('deleteTopics', { names: ['orders'] })
    await replace()
    expect(await client.ask('topics', { names: null })).toEqual([])
    expect(await client.ask('groupOffsets', { groupId: 'group' })).toEqual([])
  })

  test('knows nothing of a partition that was written and deleted in one breath', async () => {
    client.sendProduce({ writer: await open(), number: 1, transaction: 0 }, [{ at, values: ['one'] }])
    await client.ask('deleteTopics', { names: ['orders'] })
    await trial.state.removed
    const left: string[] = []
    for (const kind of ['topic', 'log', 'transactions'] as const) {
      for await (const [names] of trial.metadata.all(kind)) left.push(names.join())
    }
    expect(left).toEqual([])
    await client.ask('createTopics', { specs: [{ name: 'orders', partitions: 1 }] })
    expect(await values()).toEqual([])
  })

  test('goes on with the offsets that a reset has left', async () => {
    const generation = await enter('a')
    await client.ask('commit', { groupId: 'group', stamp: stampOf('a', generation), offsets: [{ ...at, offset: 7 }] })
    await client.ask('leave', { groupId: 'group', memberId: 'a' })
    await client.ask('resetGroup', { groupId: 'group', offsets: [{ ...other, offset: 3 }] })
    await replace()
    expect(await client.ask('groupOffsets', { groupId: 'group' })).toEqual([{ ...other, offset: 3 }])
  })
})

describe('a request that comes again', () => {
  test('to store blocks is answered as before, also by another owner, and stored once', async () => {
    const writer = await open()
    const batches = [
      { at, values: ['one'] },
      { at: { topic: 'nowhere', partition: 0 }, values: ['lost'] },
      { at: other, values: ['two'] },
    ]
    const head = { writer, number: 1, transaction: 0 }
    const answer = await client.produce(head, batches)
    expect(answer).toEqual([0, expect.objectContaining({ code: 'FAUST_TRANSPORT' }), 0])
    expect(await client.produce(head, batches)).toEqual(answer)
    await replace()
    expect(await client.produce(head, batches)).toEqual(answer)
    expect([await values(), await values(other)]).toEqual([['one'], ['two']])
    expect(await client.produce({ ...head, number: 2 }, [{ at, values: ['three'] }])).toEqual([1])
  })

  test('while the first is being committed is stored once as well', async () => {
    const head = { writer: await open(), number: 1, transaction: 0 }
    const answers = await Promise.all([1, 2, 3].map(() => client.produce(head, [{ at, values: ['one'] }])))
    expect([answers, await values()]).toEqual([[[0], [0], [0]], ['one']])
  })

  test('after a later one is refused, whatever it holds', async () => {
    const writer = await open()
    await client.produce({ writer, number: 2, transaction: 0 }, [{ at, values: ['two'] }])
    const [refusal] = await client.produce({ writer, number: 1, transaction: 0 }, [{ at, values: ['one'] }])
    expect(refusal).toMatchObject({
      retriable: false,
      message: expect.stringContaining('request 1 of this producer comes after'),
    })
    expect(await values()).toEqual(['two'])
  })

  test('to end a transaction changes nothing', async () => {
    const writer = await open('id')
    await client.produce({ writer, number: 1, transaction: 1 }, [{ at, values: ['one'] }])
    const generation = await enter('a')
    const membership = { groupId: 'group', ...stampOf('a', generation) }
    const offsets = [{ ...at, offset: 5 }]
    const end = { writer, transaction: 1, isCommit: true, offsets, membership }
    await client.ask('endTransaction', end)
    await client.ask('leave', { groupId: 'group', memberId: 'a' })
    await client.ask('endTransaction', end)
    await replace()
    await client.ask('endTransaction', end)
    await expect(client.ask('endTransaction', { ...end, isCommit: false })).rejects.toThrow('it has been committed already')
    expect(await client.ask('endOffsets', { partitions: [at], isolation: 'read-committed' })).toEqual([{ ...at, offset: 2 }])
  })
})

describe('a transaction', () => {
  test('that is open outlives the owner: its time-out begins anew, and it can be committed', async () => {
    const writer = await open('id')
    await client.produce({ writer, number: 1, transaction: 1 }, [{ at, values: ['one'] }])
    await trial.clock.advance(9000)
    await replace()
    await trial.clock.advance(9000)
    expect(await values()).toEqual([])
    await client.produce({ writer, number: 2, transaction: 1 }, [{ at: other, values: ['two'] }])
    const end = { writer, transaction: 1, isCommit: true, offsets: [], membership: null }
    await client.ask('endTransaction', end)
    expect([await values(), await values(other)]).toEqual([['one'], ['two']])
  })

  test('that is left open is aborted in the end, by whoever is the owner then', async () => {
    const writer = await open('id')
    await client.produce({ writer, number: 1, transaction: 1 }, [{ at, values: ['never'] }])
    const plain = await open()
    await client.produce({ writer: plain, number: 1, transaction: 0 }, [{ at, values: ['behind'] }])
    await replace()
    expect(await values()).toEqual([])
    await trial.clock.advance(10_001)
    await trial.quiet()
    expect(await values()).toEqual(['behind'])
    const end = { writer, transaction: 1, isCommit: true, offsets: [], membership: null }
    await expect(client.ask('endTransaction', end)).rejects.toThrow(FencedError)
    await replace()
    expect(await values()).toEqual(['behind'])
  })

  test('that cannot be aborted now is aborted later', async () => {
    const writer = await open('id')
    const batches = [at, other].map(place => ({ at: place, values: ['never'] }))
    await client.produce({ writer, number: 1, transaction: 1 }, batches)
    await replace()
    const folder = join(trial.directory, 'logs', trial.state.topics.get('orders')?.id ?? '', '1')
    await rename(folder, `${folder}.away`)
    await writeFile(folder, '')
    await trial.clock.advance(10_001)
    await trial.quiet()
    await rm(folder)
    await rename(`${folder}.away`, folder)
    const ends = (): Promise<unknown> => client.ask('endOffsets', { partitions: [at, other], isolation: 'read-committed' })
    expect(await ends()).toEqual([at, other].map(place => ({ ...place, offset: 0 })))
    await trial.clock.advance(10_001)
    await trial.quiet()
    expect(await ends()).toEqual([at, other].map(place => ({ ...place, offset: 2 })))
  })

  test('ends in all partitions and with its offsets, or nowhere', async () => {
    const generation = await enter('a')
    const membership = { groupId: 'group', ...stampOf('a', generation) }
    const writer = await open('id')
    const kept = new Set<boolean>()
    for (let round = 1; round <= 24; round++) {
      const batches = [at, other].map(place => ({ at: place, values: [`${round}`] }))
      await client.produce({ writer, number: round, transaction: round }, batches)
      const offsets = [{ ...at, offset: round }]
      const ended = client.send('endTransaction', { writer, transaction: round, isCommit: true, offsets, membership })
      // Some owners die before the commit, some in the middle of it, some after it.
      await trial.turns(round % 12)
      void client.answer(ended)
      await replace()
      const [left, right] = [await values(), await values(other)]
      const [committed] = await client.ask('committed', { groupId: 'group', partitions: [at] })
      expect(left).toEqual(right)
      expect(left.length).toBe(committed?.offset ?? 0)
      kept.add(left.length === round)
      await client.ask('endTransaction', { writer, transaction: round, isCommit: true, offsets, membership })
      expect((await values()).length).toBe(round)
    }
    expect(kept.size).toBe(2)
  })

  test('of a producer that was replaced stays aborted, and the older one fenced, with another owner', async () => {
    const older = await open('id')
    await client.produce({ writer: older, number: 1, transaction: 1 }, [{ at, values: ['of the older'] }])
    const newer = await open('id')
    await replace()
    const [refusal] = await client.produce({ writer: older, number: 2, transaction: 1 }, [{ at, values: ['late'] }])
    expect(refusal).toMatchObject({ code: 'FAUST_FENCED' })
    await client.produce({ writer: newer, number: 1, transaction: 1 }, [{ at, values: ['of the newer'] }])
    await client.ask('endTransaction', { writer: newer, transaction: 1, isCommit: true, offsets: [], membership: null })
    expect(await values()).toEqual(['of the newer'])
  })

  test('of a producer that is closed is aborted', async () => {
    const writer = await open('id')
    await client.produce({ writer, number: 1, transaction: 1 }, [{ at, values: ['never'] }])
    const plain = await open()
    await client.produce({ writer: plain, number: 1, transaction: 0 }, [{ at, values: ['behind'] }])
    await client.ask('closeProducer', { writer: { ...writer, epoch: writer.epoch - 1 } })
    expect(await values()).toEqual([])
    await client.ask('closeProducer', { writer })
    expect(await values()).toEqual(['behind'])
    await replace()
    expect(await values()).toEqual(['behind'])
  })

  test('never gets the number of another one', async () => {
    const numbers: number[] = []
    for (let round = 1; round <= 4; round++) {
      const writer = await open(`id-${round}`)
      await client.produce({ writer, number: 1, transaction: 1 }, [{ at, values: ['x'] }])
      numbers.push(trial.state.transactionNumbers.next() - 1)
      if (round % 2 === 0) await replace()
    }
    expect(new Set(numbers).size).toBe(4)
  })
})

describe('a group', () => {
  test('goes on where it was: generation, assignment and sessions', async () => {
    const generation = await enter('a')
    await replace()
    const stamp = stampOf('a', generation)
    expect(await client.ask('heartbeat', { groupId: 'group', stamp })).toBe(false)
    expect(await client.ask('sync', { groupId: 'group', stamp, assignments: null })).toBe(base64('share'))
    await client.ask('commit', { groupId: 'group', stamp, offsets: [{ ...at, offset: 1 }] })
    const joining = client.ask('join', { ...joinOf('b'), isNew: true })
    await trial.until(() => client.notices.length > 0, 'a request to join again')
    expect(client.notices).toEqual([{ type: 'rebalance', groupId: 'group', memberId: 'a' }])
    expect(await client.ask('heartbeat', { groupId: 'group', stamp })).toBe(true)
    const again = await client.ask('join', { ...joinOf('a'), isNew: false })
    expect([(await joining).generation, again.generation]).toEqual([generation + 1, generation + 1])
  })

  test('has no generation twice, also after it was empty', async () => {
    const generations: number[] = []
    for (let round = 0; round < 4; round++) {
      generations.push(await enter(`member-${round}`))
      await client.ask('leave', { groupId: 'group', memberId: `member-${round}` })
      await replace()
    }
    expect(generations).toEqual([...new Set(generations)].sort((left, right) => left - right))
  })
})

function joinOf(memberId: string): {
  groupId: string
  memberId: string
  instanceId: null
  metadata: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
} {
  return { groupId: 'group', memberId, instanceId: null, metadata: '', sessionTimeoutMs: 6000, rebalanceTimeoutMs: 3000 }
}
