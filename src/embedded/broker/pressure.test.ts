import { afterEach, beforeEach, expect, test } from 'vitest'
import { BrokerTrial } from '../../testing/broker-trial.js'
import { fetched, type WireClient } from '../../testing/wire-client.js'

const at = { topic: 'orders', partition: 0 }
const mebibyte = 1024 * 1024

let trial: BrokerTrial
let client: WireClient

beforeEach(async () => {
  trial = await BrokerTrial.open()
  client = await trial.connect()
  await client.ask('createTopics', { specs: [{ name: 'orders', partitions: 4 }] })
})

afterEach(() => trial.close())

/** Bytes that the owner keeps for a client because it does not take them. */
function untaken(client: number): number {
  return trial.sockets[client]?.writableLength ?? -1
}

/** Stores about so many bytes. */
async function fill(bytes: number, partition: number = 0): Promise<void> {
  const writer = await client.ask('openProducer', { transactionalId: null, transactionTimeoutMs: 0 })
  const value = Buffer.alloc(200_000)
  for (let number = 1; number * value.length < bytes; number++) {
    await client.produce({ writer, number, transaction: 0 }, [{ at: { ...at, partition }, values: [value] }])
  }
}

test('messages for a client that does not take them wait where they are', async () => {
  await fill(3 * mebibyte)
  const slow = await trial.connect()
  slow.socket.pause()
  const fetches = Array.from({ length: 40 }, () => slow.sendFetch(at))
  await trial.until(() => untaken(1) > 0, 'an answer that is not taken')
  await trial.turns(200)
  expect(untaken(1)).toBeLessThan(3 * mebibyte)
  expect(trial.sessions[1]?.pending).toBeGreaterThan(30)
  slow.socket.resume()
  for (const fetch of fetches) expect(fetched(await slow.answer(fetch), at).position).toBeGreaterThan(0)
  expect(untaken(1)).toBe(0)
})

test('nor do they hold up other clients', async () => {
  await fill(3 * mebibyte)
  const slow = await trial.connect()
  slow.socket.pause()
  for (let count = 0; count < 40; count++) slow.sendFetch(at)
  await trial.until(() => untaken(1) > 0, 'an answer that is not taken')
  expect((await client.fetch(at)).position).toBeGreaterThan(0)
})

test('answers that a client does not take end its questions', async () => {
  const specs = Array.from({ length: 1000 }, (_, index) => ({ name: `topic-${index}`, partitions: 1 }))
  await client.ask('createTopics', { specs })
  const slow = await trial.connect()
  slow.socket.pause()
  const questions = Array.from({ length: 150 }, () => slow.send('topics', { names: null }))
  await trial.until(() => untaken(1) > 16 * mebibyte, 'answers that are not taken')
  await trial.turns(100)
  expect(untaken(1)).toBeLessThan(17 * mebibyte)
  slow.socket.resume()
  await Promise.all(questions.map(id => slow.answer(id)))
  expect(slow.heard.slice(1).map(({ id }) => id)).toEqual(questions)
})

test('more than can be committed is not read', async () => {
  const commits = trial.holdCommits()
  const busy = await trial.connect()
  const value = Buffer.alloc(200_000)
  const sent = Array.from({ length: 200 }, (_, index) =>
    busy.sendProduce({ writer: { producerId: 7, epoch: 0 }, number: index + 1, transaction: 0 }, [{ at, values: [value] }]),
  )
  await trial.until(() => (trial.sockets[1]?.bytesRead ?? 0) > 8 * mebibyte, 'a lot of requests')
  await trial.turns(100)
  expect(trial.sockets[1]?.bytesRead).toBeLessThan(9 * mebibyte)
  expect(commits.isSynced).toHaveLength(1)
  commits.release()
  await Promise.all(sent.map(id => busy.answer(id)))
  expect(trial.sessions[1]?.pending).toBe(0)
  const [end] = await client.ask('endOffsets', { partitions: [at], isolation: 'read-committed' })
  expect(end?.offset).toBe(200)
})

test('questions that wait for others are no work: they do not keep a client from asking', async () => {
  const { topicId } = await client.fetch(at)
  const text = 'x'.repeat(10_000)
  for (let count = 0; count < 1000; count++) client.sendFetch({ ...at, topicId, from: 0, ...({ text } as object) })
  expect(await client.ask('topics', { names: [] })).toEqual([])
})

test('everybody gets an answer in turn, whoever has more to read', async () => {
  await fill(2 * mebibyte, 0)
  await fill(200_001, 1)
  const ids = [0, 0, 0, 0, 1].map(partition => client.sendFetch({ ...at, partition, maxBytes: 1 }))
  await Promise.all(ids.map(id => client.answer(id)))
  const order = client.heard.slice(-5).map(({ id }) => ids.indexOf(id))
  expect(order).toEqual([0, 1, 2, 3, 4])
})

test('a client that asks for the disk waits for it, others only when they are in the same commit', async () => {
  const durable = await trial.connect({ fsync: true })
  const { isSynced, release } = trial.holdCommits()
  release()
  const head = { number: 1, transaction: 0 }
  let syncs = 0
  const partition = trial.state.topics.get('orders')?.logs[0]
  const sync = partition?.log.sync.bind(partition.log)
  if (partition !== undefined) partition.log.sync = () => (syncs++, sync?.() ?? Promise.resolve())
  await client.produce({ ...head, writer: { producerId: 1, epoch: 0 } }, [{ at, values: ['one'] }])
  expect([isSynced.splice(0), syncs]).toEqual([[false], 0])
  await durable.produce({ ...head, writer: { producerId: 2, epoch: 0 } }, [{ at, values: ['two'] }])
  expect([isSynced.splice(0), syncs]).toEqual([[true], 1])
  await durable.fetch(at)
  await durable.ask('topics', { names: null })
  await client.produce({ ...head, writer: { producerId: 3, epoch: 0 } }, [{ at, values: ['three'] }])
  expect([isSynced.splice(0), syncs]).toEqual([[false], 1])
})

test('who asks for the disk is not answered before it has everything', async () => {
  const durable = await trial.connect({ fsync: true })
  const partition = trial.state.topics.get('orders')?.logs[0] ?? expect.fail('no partition')
  const sync = partition.log.sync.bind(partition.log)
  let free: (() => void) | undefined
  partition.log.sync = async () => {
    await new Promise<void>(resolve => (free = resolve))
    await sync()
  }
  const head = { number: 1, transaction: 0 }
  const waits = durable.sendProduce({ ...head, writer: { producerId: 1, epoch: 0 } }, [{ at, values: ['on the disk'] }])
  await trial.until(() => free !== undefined, 'the disk')
  await trial.turns(20)
  expect([durable.heard.some(({ id }) => id === waits), (await client.fetch(at)).values]).toEqual([false, []])
  free?.()
  await durable.answer(waits)
  expect((await client.fetch(at)).values).toEqual(['on the disk'])
})
