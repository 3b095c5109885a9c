import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { nextTurn } from '../../lib/clock.js'
import type { Logger } from '../../lib/log.js'
import { seededRandom } from '../../lib/random.js'
import { type VirtualClock, virtualClock } from '../../testing/virtual-clock.js'
import { Broker, type BrokerOptions } from './broker.js'
import { Metadata } from './metadata.js'
import { WireClient } from '../../testing/wire-client.js'

const at = { topic: 'orders', partition: 0 }

let directory: string
let clock: VirtualClock
let warnings: string[]
let server: Server
/** Of the clients, at the broker's end. */
let sockets: Socket[]
let broker: Broker | null

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'faust-broker-'))
  clock = virtualClock()
  warnings = []
  sockets = []
  server = createServer(socket => {
    sockets.push(socket)
    broker?.accept(socket)
  }).listen(join(directory, 'test.sock'))
  broker = null
})

afterEach(async () => {
  await broker?.close()
  server.close()
  await rm(directory, { recursive: true })
})

function options(more: Partial<BrokerOptions> = {}): BrokerOptions {
  const warn = (_: object, message: string): void => void warnings.push(message)
  const log: Logger = { debug: () => undefined, info: () => undefined, warn, error: warn, child: () => log }
  return { directory, clock, random: seededRandom(1), log, bootId: 'boot', ...more }
}

/** Another broker takes over; returns a client of it. */
async function start(more: Partial<BrokerOptions> = {}): Promise<WireClient> {
  await broker?.close()
  broker = (await Broker.open(options(more))) ?? expect.fail('somebody else owns the directory')
  return await dial()
}

async function dial(): Promise<WireClient> {
  const socket = connect(join(directory, 'test.sock'))
  await once(socket, 'connect')
  const client = new WireClient(socket)
  await client.greet({ directory })
  return client
}

async function store(client: WireClient, values: readonly string[], more: { keys?: readonly string[] } = {}): Promise<void> {
  const writer = await client.ask('openProducer', { transactionalId: null, transactionTimeoutMs: 0 })
  await client.produce({ writer, number: 1, transaction: 0 }, [{ at, values, ...more }])
}

async function create(client: WireClient, more: { compacted?: boolean; retentionMs?: number } = {}): Promise<string> {
  await client.ask('createTopics', { specs: [{ name: at.topic, partitions: 1, ...more }] })
  const [topic] = await client.ask('topics', { names: null })
  return topic?.id ?? expect.fail('no topic')
}

async function readAll(client: WireClient): Promise<(string | null)[]> {
  const all: (string | null)[] = []
  for (let from = 0; ;) {
    const { values, position, highWatermark } = await client.fetch({ ...at, from })
    all.push(...values)
    if (position >= highWatermark) return all
    from = position
  }
}

describe('ownership', () => {
  test('is for one at a time, and every owner has its epoch', async () => {
    await start()
    expect(await Broker.open(options())).toBeNull()
    expect(broker?.epoch).toBe(1)
    await start()
    expect(broker?.epoch).toBe(2)
  })

  test('ends with a close: the clients are cut off, and what they were told is there', async () => {
    const client = await start()
    await create(client)
    const before = sockets[0]?.bytesRead
    const id = client.sendProduce({ writer: { producerId: 5, epoch: 0 }, number: 1, transaction: 0 }, [{ at, values: ['one'] }])
    while (sockets[0]?.bytesRead === before) await nextTurn(clock)
    await Promise.all([broker?.close(), broker?.close()])
    await client.answer(id)
    await client.closed
    const late = connect(join(directory, 'test.sock'))
    await once(late, 'close')
    expect((await (await start()).fetch(at)).values).toEqual(['one'])
    expect(warnings).toEqual([])
  })

  test('ends when a commit fails: nobody is answered, everybody cut off, and the next owner begins from the disk', async () => {
    const metadata = (await Metadata.open(join(directory, 'metadata'))) ?? expect.fail('somebody else owns the directory')
    await mkdir(join(directory, 'logs'))
    broker = await Broker.over(metadata, options())
    const [client, other] = [await dial(), await dial()]
    await create(client)
    await store(client, ['one'])
    await metadata.close()
    client.sendProduce({ writer: { producerId: 5, epoch: 0 }, number: 1, transaction: 0 }, [{ at, values: ['never'] }])
    expect(await broker.failed).toBeInstanceOf(TransportError)
    await Promise.all([client.closed, other.closed])
    expect(client.heard.every(({ kind }) => kind !== 5)).toBe(true)
    expect((await (await start()).fetch(at)).values).toEqual(['one'])
  })

  test('of what cannot be opened is an error that says so', async () => {
    await start()
    await broker?.close()
    broker = null
    await rm(join(directory, 'logs'), { recursive: true })
    await writeFile(join(directory, 'logs'), '')
    await expect(Broker.open(options())).rejects.toThrow('it is a file or lies below one')
  })
})

describe('after the machine was restarted', () => {
  async function tornCopy(): Promise<string> {
    const client = await start()
    const id = await create(client)
    for (const value of ['one', 'two', 'three']) {
      await store(client, [value.repeat(100)])
    }
    const copy = await mkdtemp(join(tmpdir(), 'faust-torn-'))
    // Without a goodbye: as it lies on the disk just now.
    for (const part of ['metadata', 'logs']) await cp(join(directory, part), join(copy, part), { recursive: true })
    await broker?.close()
    broker = null
    for (const part of ['metadata', 'logs']) {
      await rm(join(directory, part), { recursive: true })
      await cp(join(copy, part), join(directory, part), { recursive: true })
    }
    await rm(copy, { recursive: true })
    return join(directory, 'logs', id, '0', '00000000000000000000.log')
  }

  async function damage(path: string): Promise<void> {
    const { open } = await import('node:fs/promises')
    const file = await open(path, 'r+')
    const { size } = await file.stat()
    await file.write(Buffer.alloc(8), 0, 8, Math.floor(size / 2))
    await file.close()
  }

  test('what had not reached the disk is cut off, once and for all', async () => {
    await damage(await tornCopy())
    const client = await start({ bootId: 'another boot' })
    expect((await client.fetch(at)).values).toEqual(['one'.repeat(100)])
    expect(warnings.some(text => text.startsWith('messages lost'))).toBe(true)
    await store(client, ['four'])
    expect((await (await start({ bootId: 'another boot' })).fetch(at)).values).toEqual(['one'.repeat(100), 'four'])
  })

  test('also by an owner after the first one, which did not look', async () => {
    await damage(await tornCopy())
    await start({ bootId: 'another boot' })
    const client = await start({ bootId: 'another boot' })
    expect(await client.fetch(at)).toMatchObject({ values: ['one'.repeat(100)], highWatermark: 3 })
  })

  test('a group that was past it goes on with what comes next, and misses nothing', async () => {
    await damage(await tornCopy())
    const client = await start({ bootId: 'another boot' })
    await client.ask('resetGroup', { groupId: 'cooks', offsets: [{ ...at, offset: 3 }] })
    await store(client, ['four', 'five', 'six'])
    const [committed] = await client.ask('groupOffsets', { groupId: 'cooks' })
    expect((await client.fetch({ ...at, from: committed?.offset ?? 0 })).values).toEqual(['four', 'five', 'six'])
  })

  test('but what was on the disk before a goodbye is not looked at again', async () => {
    const path = await tornCopy()
    await start()
    const client = await dial()
    await store(client, ['four'])
    await broker?.close()
    broker = null
    await damage(path)
    const later = await start({ bootId: 'another boot' })
    await expect(later.fetch({ ...at, maxBytes: 1, from: 1 })).rejects.toThrow('is damaged')
    expect(warnings).toEqual([])
  })
})

describe('upkeep', () => {
  test('drops what has outlived its retention, by itself', async () => {
    const client = await start()
    await create(client, { retentionMs: 60_000 })
    await store(client, ['old'])
    await clock.advance(91_000)
    for (let start = 0; start !== 1;) start = (await client.ask('startOffsets', { partitions: [at] }))[0]?.offset ?? 0
    expect(await readAll(client)).toEqual([])
  })

  test('compacts, and what is left is there for the next owner', async () => {
    const client = await start({ segmentBytes: 300 })
    await create(client, { compacted: true })
    for (let round = 0; round < 4; round++)
      await store(
        client,
        ['a', 'b'].map(name => `${name}-${round}`),
        { keys: ['a', 'b'] },
      )
    await broker?.compact(at.topic)
    expect(await readAll(client)).toEqual(['a-3', 'b-3'])
    const later = await start()
    expect(await readAll(later)).toEqual(['a-3', 'b-3'])
  })

  test('compacts by itself what is due', async () => {
    const client = await start({ segmentBytes: 300 })
    await create(client, { compacted: true })
    for (let round = 0; round < 9; round++) await store(client, [`${round}`], { keys: ['a'] })
    // What is not on the disk yet is left for the next time.
    for (let left = 9; left > 4; left = (await readAll(client)).length) await broker?.housekeep()
    expect(await readAll(client)).toEqual(['5', '6', '7', '8'])
  })

  test('forgets producers that have not written for an hour, or said that they will not', async () => {
    const client = await start()
    await create(client)
    const [one, other] = [
      { producerId: 1, epoch: 0 },
      { producerId: 2, epoch: 0 },
    ]
    for (const writer of [one, other]) await client.produce({ writer, number: 7, transaction: 0 }, [{ at, values: ['x'] }])
    await client.ask('closeProducer', { writer: one })
    expect(await producers()).toEqual(['2'])
    const again = await start()
    await clock.advance('59m')
    await broker?.housekeep()
    expect(await producers()).toEqual(['2'])
    await start()
    await clock.advance('2m')
    await broker?.housekeep()
    expect(await producers()).toEqual([])
    // Whoever has paused for so long goes on all the same.
    const client3 = await start()
    expect(await client3.produce({ writer: other, number: 8, transaction: 0 }, [{ at, values: ['y'] }])).toEqual([2])
    again.die()
  })

  test('removes what deleted topics have left', async () => {
    const client = await start()
    const id = await create(client)
    await store(client, ['one'])
    const logs = join(directory, 'logs')
    expect(await readdir(logs)).toEqual([id])
    await client.ask('deleteTopics', { names: [at.topic] })
    await broker?.close()
    broker = null
    expect(await readdir(logs)).toEqual([])
    await mkdir(join(logs, 'of-an-owner-that-died', '0'), { recursive: true })
    await start()
    expect(await readdir(logs)).toEqual([])
  })

  async function producers(): Promise<string[]> {
    await broker?.close()
    broker = null
    const metadata = (await Metadata.open(join(directory, 'metadata'))) ?? expect.fail('somebody else owns the directory')
    const found: string[] = []
    for await (const [[id]] of metadata.all('producer')) found.push(id ?? '')
    await metadata.close()
    await start()
    return found
  }
})
