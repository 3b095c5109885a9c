import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { emptyFrame, jsonFrame } from '../wire/frame-codec.js'
import { frameKind, protocolVersion, type Requests } from '../wire/protocol.js'
import { BrokerTrial } from '../../testing/broker-trial.js'
import { fetched, type WireClient } from '../../testing/wire-client.js'

const at = { topic: 'orders', partition: 0 }
const noWriter = { producerId: 1, epoch: 0 }

let trial: BrokerTrial
let client: WireClient

beforeEach(async () => {
  trial = await BrokerTrial.open()
  client = await trial.connect()
  await client.ask('createTopics', { specs: [{ name: 'orders', partitions: 4 }] })
})

afterEach(() => trial.close())

function joining(memberId: string): Requests['join']['asks'] {
  const timeouts = { sessionTimeoutMs: 6000, rebalanceTimeoutMs: 30_000 }
  return { groupId: 'group', memberId, instanceId: null, isNew: true, metadata: '', ...timeouts }
}

/** How many fetches wait for a partition to grow. */
function waiting(partition: number = 0): number {
  return trial.state.topics.get('orders')?.logs[partition]?.log.onGrown.size ?? -1
}

describe('a greeting', () => {
  test('tells epoch and version', async () => {
    const caller = await trial.call()
    const hello = await caller.greet({ directory: trial.directory })
    expect(hello).toEqual({ epoch: trial.state.epoch, version: protocolVersion })
  })

  test.for([
    [{ version: 99 }, `it speaks version ${protocolVersion} of its protocol, the client 99`],
    [{ directory: '/elsewhere' }, 'the client means the one in "/elsewhere"'],
  ] as const)('with %o is refused in words, and that is the end', async ([wrong, why]) => {
    const caller = await trial.call()
    const error = await caller.greet({ directory: trial.directory, ...wrong }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ retriable: false, message: expect.stringContaining(why) })
    await caller.closed
    expect(trial.state.callers.size).toBe(1)
  })

  test('must come first', async () => {
    const caller = await trial.call()
    await expect(caller.ask('topics', { names: null })).rejects.toThrow('the first request was no greeting')
    await caller.closed
  })
})

describe('what is asked', () => {
  test('and not known is refused, and the connection goes on', async () => {
    for (const type of ['dance', 'constructor', 'hello']) {
      await expect(client.ask(type as 'topics', { names: null })).rejects.toThrow(`Cannot answer the request "${type}"`)
    }
    expect(await client.ask('topics', { names: [] })).toEqual([])
  })

  test('in one breath is answered in order', async () => {
    const ids = [
      client.sendProduce({ writer: noWriter, number: 1, transaction: 0 }, [{ at, values: ['one'] }]),
      client.send('topics', { names: null }),
      client.send('createTopics', { specs: [{ name: 'more', partitions: 1 }] }),
      client.send('endOffsets', { partitions: [at], isolation: 'read-committed' }),
    ]
    await Promise.all(ids.map(id => client.answer(id)))
    expect(client.heard.slice(-4).map(({ id }) => id)).toEqual(ids)
  })

  test('as noise cuts the connection, and no other', async () => {
    const noises = [
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      jsonFrame(frameKind.produce, 1, {}),
      emptyFrame(frameKind.request, 1),
    ]
    for (const noise of noises) {
      const caller = await trial.connect()
      caller.socket.write(noise)
      await caller.closed
    }
    expect(trial.state.callers.size).toBe(1)
    expect(await client.ask('topics', { names: [] })).toEqual([])
  })

  test('a damaged block fails alone', async () => {
    const writer = await client.ask('openProducer', { transactionalId: null, transactionTimeoutMs: 0 })
    const good = await client.produce({ writer, number: 1, transaction: 0 }, [{ at, values: ['good'] }])
    client.tamper = frame => {
      frame.writeUInt8(frame.readUInt8(frame.length - 24) ^ 1, frame.length - 24)
      return frame
    }
    const [refusal, ...rest] = await client.produce({ writer, number: 2, transaction: 0 }, [
      { at, values: ['to be damaged', 'x'] },
    ])
    expect([good, rest]).toEqual([[0], []])
    expect(refusal).toMatchObject({ retriable: false, message: expect.stringContaining('the block is damaged (its checksum') })
  })
})

describe('a client that dies', () => {
  test('leaves nothing behind, whatever it was doing', async () => {
    const victim = await trial.connect()
    await victim.ask('watchTopics', { on: true })
    for (const partition of [0, 1, 2]) {
      const { topicId } = await victim.fetch({ ...at, partition })
      victim.sendFetch({ ...at, partition, topicId, from: 0 })
    }
    await client.ask('join', joining('b'))
    victim.send('join', joining('a'))
    victim.socket.write(jsonFrame(frameKind.request, 77, { type: 'topics', names: ['x'.repeat(1000)] }).subarray(0, 300))
    await trial.until(() => waiting(0) + waiting(1) + waiting(2) === 3 && (trial.sessions[1]?.pending ?? 0) >= 3, 'its questions')
    victim.die()
    await trial.until(() => trial.state.callers.size === 1, 'its end')
    expect([0, 1, 2].map(waiting)).toEqual([0, 0, 0])
    const session = trial.sessions[1]
    expect([session?.pending, session?.seats.size, session?.isWatching]).toEqual([0, 0, false])
    // It keeps its place in the group: the round waits for it until its session ends.
    const other = client.send('join', { ...joining('b'), isNew: false, sessionTimeoutMs: 60_000 })
    await trial.until(() => trial.sessions[0]?.pending === 1, 'the question of another member')
    await trial.clock.advance(5900)
    expect([trial.state.groups.get('group')?.has('a'), client.heard.some(({ id }) => id === other)]).toEqual([true, false])
    await trial.clock.advance(200)
    await client.answer(other)
    expect(trial.state.groups.get('group')?.has('a')).toBe(false)
  })

  test('while its request is being committed: that is stored, and nobody misses the answer', async () => {
    const victim = await trial.connect()
    victim.sendProduce({ writer: noWriter, number: 1, transaction: 0 }, [{ at, values: ['stored'] }])
    await trial.until(() => trial.state.committer.isBusy, 'the commit')
    victim.die()
    await trial.until(() => trial.state.callers.size === 1, 'its end')
    await trial.quiet()
    expect((await client.fetch(at)).values).toEqual(['stored'])
  })

  test('while its blocks are on their way leaves not a byte of them', async () => {
    const victim = await trial.connect()
    victim.tamper = frame => frame.subarray(0, frame.length - 1)
    victim.sendProduce({ writer: noWriter, number: 1, transaction: 0 }, [{ at, values: ['cut off'] }])
    await trial.turns(20)
    victim.die()
    await trial.until(() => trial.state.callers.size === 1, 'its end')
    expect((await client.fetch(at)).values).toEqual([])
  })
})

describe('a question that is withdrawn', () => {
  test('is not answered, and leaves nothing behind', async () => {
    const { topicId } = await client.fetch(at)
    const fetch = client.sendFetch({ ...at, topicId, from: 0 })
    await trial.until(() => waiting() === 1, 'the fetch')
    client.cancel(fetch)
    await trial.until(() => waiting() === 0, 'its end')
    const writer = await client.ask('openProducer', { transactionalId: null, transactionTimeoutMs: 0 })
    await client.produce({ writer, number: 1, transaction: 0 }, [{ at, values: ['one'] }])
    expect(client.heard.some(({ id }) => id === fetch)).toBe(false)
    expect(trial.sessions[0]?.pending).toBe(0)
  })

  test('while its answer waits for the commit is not answered either', async () => {
    const commits = trial.holdCommits()
    const id = client.sendProduce({ writer: noWriter, number: 1, transaction: 0 }, [{ at, values: ['one'] }])
    client.cancel(id)
    await trial.until(() => commits.isSynced.length > 0, 'the commit')
    commits.release()
    await trial.quiet()
    expect((await client.fetch(at)).values).toEqual(['one'])
    expect(client.heard.some(heard => heard.id === id)).toBe(false)
  })

  test('may have been answered already', async () => {
    const id = client.send('topics', { names: [] })
    await client.answer(id)
    client.cancel(id)
    client.cancel(4711)
    expect(await client.ask('topics', { names: [] })).toEqual([])
  })
})

describe('a fetch', () => {
  test('waits until there is something, and then tells it once', async () => {
    const { topicId, position, values } = await client.fetch({ ...at, from: 'latest' })
    expect([position, values]).toEqual([0, []])
    const fetch = client.sendFetch({ ...at, topicId, from: position })
    await trial.until(() => waiting() === 1, 'the fetch')
    const writer = await client.ask('openProducer', { transactionalId: 'id', transactionTimeoutMs: 1000 })
    await client.produce({ writer, number: 1, transaction: 1 }, [{ at, values: ['one'] }])
    await trial.quiet()
    expect(client.heard.some(({ id }) => id === fetch)).toBe(false)
    await client.ask('endTransaction', { writer, transaction: 1, isCommit: true, offsets: [], membership: null })
    const answer = fetched(await client.answer(fetch), at)
    expect(answer).toMatchObject({ values: ['one'], begin: 0, position: 2, highWatermark: 2, outOfRange: null })
    expect(waiting()).toBe(0)
  })

  test('tells a position that moves on without messages', async () => {
    const { topicId } = await client.fetch(at)
    const fetch = client.sendFetch({ ...at, topicId, from: 0 })
    const writer = await client.ask('openProducer', { transactionalId: 'id', transactionTimeoutMs: 1000 })
    await client.produce({ writer, number: 1, transaction: 1 }, [{ at, values: ['never'] }])
    await client.ask('endTransaction', { writer, transaction: 1, isCommit: false, offsets: [], membership: null })
    expect(fetched(await client.answer(fetch), at)).toMatchObject({ values: [], position: 2 })
  })

  test('from where the log has nothing begins at its start, and says so', async () => {
    await client.produce({ writer: noWriter, number: 1, transaction: 0 }, [{ at, values: ['a', 'b', 'c'] }])
    await client.ask('deleteRecords', { before: [{ ...at, offset: 1 }] })
    for (const from of [0, 99]) {
      const { outOfRange, begin, position } = await client.fetch({ ...at, from })
      expect({ outOfRange, begin, position }).toEqual({ outOfRange: { start: 1, end: 3 }, begin: 1, position: 3 })
    }
  })

  test('of what is not there is refused, as the memory broker words it', async () => {
    const missing = client.fetch({ topic: 'nowhere', partition: 0 })
    await expect(missing).rejects.toThrow('Cannot read "nowhere"[0]: there is no such topic. Create it first.')
    await expect(client.fetch({ ...at, partition: 9 })).rejects.toThrow('the topic has 4 partitions, counted from 0.')
    const { topicId } = await client.fetch(at)
    const fetch = client.answer(client.sendFetch({ ...at, topicId, from: 0 }))
    await trial.until(() => waiting() === 1, 'the fetch')
    await client.ask('deleteTopics', { names: ['orders'] })
    const deleted =
      'Cannot read "orders"[0]: the topic "orders" has been deleted. Remove the partition, and add it again if there is a new one.'
    await expect(fetch).rejects.toThrow(deleted)
    await client.ask('createTopics', { specs: [{ name: 'orders', partitions: 1 }] })
    await expect(client.fetch({ ...at, topicId, from: 0 })).rejects.toThrow(deleted)
    expect((await client.fetch(at)).topicId).not.toBe(topicId)
  })
})

test('who watches topics is told of each change once it is committed', async () => {
  const watcher = await trial.connect()
  await watcher.ask('watchTopics', { on: true })
  const changed = watcher.send('createTopics', { specs: ['a', 'b', 'c'].map(name => ({ name, partitions: 1 })) })
  await watcher.answer(changed)
  expect(watcher.notices).toEqual([{ type: 'topics' }])
  await watcher.ask('deleteTopics', { names: ['a', 'b'] })
  await watcher.ask('addPartitions', { topic: 'c', partitions: 2 })
  expect(watcher.notices).toHaveLength(3)
  await watcher.ask('watchTopics', { on: false })
  await watcher.ask('deleteTopics', { names: ['c'] })
  expect([watcher.notices.length, client.notices.length]).toEqual([3, 0])
})
