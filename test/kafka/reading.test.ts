import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { deleteRecords, deleteTopics } from '../../src/kafka/wire/topics.js'
import { seededRandom } from '../../src/lib/random.js'
import { produceLines } from './java-tools.js'
import { createTopic, eventually, partitionsOf } from './steering.js'
import { Counting, expectCounted, numbers, Reading, send, store, Traffic } from './traffic.js'

const bootstrap = inject('kafka')
const kept = { 'retention.ms': '-1' }
const what = 'Cannot do it'

test('what the Java producer writes we read, whatever it compresses with', async () => {
  await createTopic(bootstrap, { name: 'packed', config: kept })
  const lines = numbers(300).map(number => `${number} and the same again and again and again`)
  const kinds = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
  for (const kind of kinds) await produceLines(bootstrap, 'packed', lines, ['--compression-codec', kind])
  const traffic = await Traffic.open(bootstrap)
  const reading = new Reading(traffic.reader(), { topic: 'packed', partition: 0 })
  await reading.has(1500)
  expect(reading.values).toEqual(kinds.flatMap(() => lines))
  expect(reading.offsets).toEqual(Array.from({ length: 1500 }, (_, offset) => offset))
})

test('transactions that are aborted stay hidden, wherever reading begins and an answer ends', async () => {
  const at = { topic: 'aborted', partition: 0 }
  await createTopic(bootstrap, { name: at.topic, config: { ...kept, 'segment.bytes': '1048576' } })
  const traffic = await Traffic.open(bootstrap)
  const random = seededRandom(11)
  const writers = await Promise.all([1, 2, 3].map(id => traffic.producer({ transactionalId: `aborted-${id}` })))
  const committed: { offset: number; value: string }[] = []
  const all: typeof committed = []
  // Long ones, so that a transaction spans several answers of a fetch.
  const filling = '.'.repeat(60_000)
  for (let round = 0; round < 12; round++) {
    const fates = writers.map(() => random.next() < 0.5)
    await Promise.all(writers.map(writer => writer.begin()))
    for (let step = 0; step < 4; step++) {
      for (const [who, writer] of writers.entries()) {
        const batches = numbers(3).map(number => [`${round}.${step}.${who}.${number}${filling}`, send(writer, at, '')] as const)
        await writer.flush()
        for (const [, batch] of batches) expect(batch.error).toBeNull()
        const value = `${round}.${step}.${who}`
        const last = send(writer, at, value + filling)
        await writer.flush()
        all.push({ offset: last.baseOffset, value })
        if (fates[who]) committed.push({ offset: last.baseOffset, value })
      }
    }
    await Promise.all(writers.map((writer, who) => (fates[who] ? writer.commit([], null) : writer.abort())))
  }
  const end = all.at(-1)!.offset + 1
  const shown = (reading: Reading): string[] =>
    reading.values.filter(value => value !== '').map(value => value.replace(/\.+$/, ''))
  for (const start of [0, 1, ...Array.from({ length: 25 }, () => Math.floor(random.next() * end))]) {
    const reading = new Reading(traffic.reader(), at, start)
    await eventually(`the end after ${start}`, () => Promise.resolve((reading.position ?? 0) >= end))
    expect(shown(reading), `from ${start}`).toEqual(committed.filter(({ offset }) => offset >= start).map(({ value }) => value))
  }
  const uncommitted = new Reading(traffic.reader('read-uncommitted'), at)
  await eventually('the end', () => Promise.resolve((uncommitted.position ?? 0) >= end))
  expect(shown(uncommitted)).toEqual(all.map(({ value }) => value))
  expect(traffic.errors).toEqual([])
})

test('a topic that is deleted is an error; another one of its name is not read on silently, but may be added', async () => {
  const at = { topic: 'again', partition: 0 }
  await createTopic(bootstrap, { name: 'again', config: kept })
  const traffic = await Traffic.open(bootstrap)
  const [reader, producer] = [traffic.reader(), await traffic.producer()]
  await store(producer, at, numbers(5))
  const old = new Reading(reader, at)
  await old.has(5)
  await traffic.link.cluster.atController(deleteTopics, { names: ['again'], timeoutMs: 5000 }, { what })
  await eventually('an error', () => Promise.resolve(traffic.errors.length > 0))
  expect(traffic.errors.map(({ message }) => message)).toEqual([
    'Cannot read "again"[0]@5: the topic "again" has been deleted. Remove the partition, and add it again if there is a new one.',
  ])
  await createTopic(bootstrap, { name: 'again', config: kept })
  await store(producer, at, ['new'])
  reader.remove(at)
  const other = new Reading(reader, at)
  await other.has(1)
  expect([old.values, other.values]).toEqual([numbers(5), ['new']])
})

test('a topic that is deleted and created again while nobody looks is noticed by its identity', async () => {
  const at = { topic: 'replaced', partition: 0 }
  await createTopic(bootstrap, { name: 'replaced', config: kept })
  const traffic = await Traffic.open(bootstrap)
  const reader = traffic.reader()
  const reading = new Reading(reader, at)
  reading.wantsMore = false
  const producer = await (await Traffic.open(bootstrap)).producer()
  await store(producer, at, ['old'])
  await reading.has(1)
  await producer.close()
  await traffic.link.cluster.atController(deleteTopics, { names: ['replaced'], timeoutMs: 5000 }, { what })
  await eventually('the end of the topic', async () => (await partitionsOf(bootstrap, 'replaced')).length === 0)
  await createTopic(bootstrap, { name: 'replaced', config: kept })
  await store(await traffic.producer(), at, ['new', 'new'])
  reading.wantsMore = true
  reader.resume(at)
  await eventually('an error', () => Promise.resolve(traffic.errors.length > 0))
  expect([reading.values, traffic.errors.length]).toEqual([['old'], 1])
  expect(traffic.errors[0]?.message).toContain('the topic "replaced" has been deleted')
})

test('messages that are deleted under a reader: it goes on at the earliest that is left', async () => {
  const at = { topic: 'overtaken', partition: 0 }
  await createTopic(bootstrap, { name: 'overtaken', config: kept })
  const logged: [object, string][] = []
  const warn = (facts: object, message: string): void => void logged.push([facts, message])
  const log = { debug: () => undefined, info: () => undefined, warn, error: warn, child: () => log }
  const traffic = await Traffic.open(bootstrap, { log })
  const reader = traffic.reader()
  const producer = await traffic.producer()
  await store(producer, at, ['first'])
  const slow = new Reading(reader, at)
  slow.wantsMore = false
  await slow.has(1)
  await store(producer, at, numbers(20))
  await traffic.link.cluster.atLeaders(deleteRecords, [{ ...at, offset: 11 }], {
    what,
    args: partitions => ({ partitions, timeoutMs: 5000 }),
  })
  slow.wantsMore = true
  reader.resume(at)
  await slow.has(11)
  expect(slow.values).toEqual(['first', ...numbers(20).slice(10)])
  expect(logged).toEqual([[{ ...at, offset: 1, start: 11 }, 'offset out of range: reading from the earliest message']])
})

test('connections that are cut again and again, mid-request: everything is delivered once, in order', async () => {
  await createTopic(bootstrap, { name: 'cut-reader', partitions: 4, config: kept })
  const [writing, traffic] = [await Traffic.open(bootstrap), await Traffic.open(bootstrap)]
  const reader = traffic.reader()
  const readings = [0, 1, 2, 3].map(partition => new Reading(reader, { topic: 'cut-reader', partition }))
  const counting = new Counting(await writing.producer(), 'cut-reader', 4)
  for (let cuts = 0; cuts < 15; cuts++) {
    await sleep(50 + (cuts % 5) * 60)
    traffic.cut()
  }
  await counting.stop()
  await expectCounted(readings, counting)
  expect(traffic.errors).toEqual([])
})

test('three hundred partitions, of which most are quiet, some busy and some paused: each gets its own at once', async () => {
  const partitions = 300
  await createTopic(bootstrap, { name: 'wide-topic', partitions, config: kept })
  const traffic = await Traffic.open(bootstrap)
  const [reader, producer] = [traffic.reader(), await traffic.producer()]
  const readings = Array.from({ length: partitions }, (_, partition) => new Reading(reader, { topic: 'wide-topic', partition }))
  await eventually('all positions', () => Promise.resolve(readings.every(({ position }) => position === 0)))
  for (const slow of readings.slice(0, 20)) slow.wantsMore = false
  const filling = '.'.repeat(2000)
  for (let round = 0; round < 10; round++) {
    for (let partition = 0; partition < 40; partition++) {
      for (let more = 0; more < 20; more++) send(producer, { topic: 'wide-topic', partition }, `${round}${filling}`)
    }
    const quiet = 100 + round * 17
    const started = performance.now()
    await store(producer, { topic: 'wide-topic', partition: quiet }, ['ping'])
    await readings[quiet]!.has(1)
    expect(performance.now() - started).toBeLessThan(20_000)
  }
  for (const busy of readings.slice(20, 40)) await busy.has(200)
  expect(readings.slice(0, 20).every(({ batches }) => batches.length === 1)).toBe(true)
  for (const [partition, slow] of readings.slice(0, 20).entries()) {
    slow.wantsMore = true
    reader.resume({ topic: 'wide-topic', partition })
  }
  for (const slow of readings.slice(0, 20)) await slow.has(200)
  expect(traffic.errors).toEqual([])
})
