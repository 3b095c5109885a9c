import { expect, test } from 'vitest'
import { z } from 'zod'
import { EncodeError, OptionError } from '../errors.js'
import { nextTurn, systemClock } from '../lib/clock.js'
import { silentLogger } from '../lib/log.js'
import { TurnBudget } from '../lib/turn.js'
import { json, raw, text } from '../message/codec.js'
import { keyHash } from '../message/partitioner.js'
import { VirtualClock } from '../testing/virtual-clock.js'
import type { Home, Host } from './host.js'
import { Outbox } from './outbox.js'
import { AppTopic, type TopicSettings } from './topic.js'

type Name = string | readonly string[] | RegExp

function bench(name: Name = 'orders', settings: TopicSettings = {}, checksRoundTrips = false) {
  const told = { hopeless: [] as Error[], failed: [] as unknown[] }
  const clock = new VirtualClock({ start: 1000 })
  const outbox = new Outbox(
    {
      clock: systemClock,
      prepare: () => new Promise(() => undefined),
      onHopeless: error => void told.hopeless.push(error),
      onUndelivered: () => undefined,
    },
    keyHash,
  )
  const nowhere = (): never => {
    throw new Error('not here')
  }
  const host: Host = {
    clock,
    log: silentLogger,
    turn: new TurnBudget(systemClock),
    outbox,
    checksRoundTrips,
    subscribe: nowhere,
    adopt: nowhere,
    topicNamed: nowhere,
    inbox: nowhere,
    hop: nowhere,
    fail: error => void told.failed.push(error),
  }
  const home: Home = { id: 'app', codec: json, partitions: 8, host: () => host, worker: () => host }
  return { topic: new AppTopic(home, name, settings), host, told }
}

const turn = (): Promise<void> => nextTurn(systemClock)

test('a message has the key, the value, the headers, the time and the partition that it was given', () => {
  const { topic, host } = bench('orders', { value: z.object({ total: z.number() }) })
  const letter = topic.letter(host, { total: 1 }, { key: 'k', partition: 3, timestamp: 99, headers: { trace: 't', 'x-ü': 'ü' } })
  const key = Buffer.from('k')
  expect(letter).toEqual({
    topic: 'orders',
    partition: 3,
    timestamp: 99,
    key,
    keyStart: 0,
    keyEnd: 1,
    value: '{"total":1}',
    headers: new Map([
      ['trace', Buffer.from('t')],
      ['x-ü', Buffer.from('ü')],
    ]),
  })
})

test('without options it has no key, no headers, no partition and the clock’s time', () => {
  const { topic, host } = bench()
  expect(topic.letter(host, [1])).toMatchObject({ partition: null, timestamp: 1000, key: null, value: '[1]', headers: null })
})

test('keys are written as text, as JSON with sorted names, as bytes, or by their codec', () => {
  const written = (key: unknown, settings: TopicSettings = {}): string | undefined => {
    const { topic, host } = bench('orders', settings)
    return topic.letter(host, 1, { key: key as string }).key?.toString()
  }
  expect(['äß', 7, { b: 1, a: 2 }, Buffer.from('raw'), null].map(key => written(key))).toEqual([
    'äß',
    '7',
    '{"a":2,"b":1}',
    'raw',
    undefined,
  ])
  expect(written('k', { keyCodec: json })).toBe('"k"')
})

test('a null value is a tombstone, whatever the codec', () => {
  for (const codec of [json, text, raw]) {
    const { topic, host } = bench('orders', { codec })
    expect(topic.letter(host, null).value).toBeNull()
  }
})

test('what cannot be encoded rejects whoever awaits it, naming the topic, and is told when nobody does', async () => {
  const { topic, told } = bench()
  await expect(topic.send(1n)).rejects.toThrow(/^Topic "orders": Cannot write the value as JSON: .*BigInt/)
  await expect(topic.send(1, { key: 1n as unknown as string })).rejects.toThrow(EncodeError)
  await turn()
  expect(told.hopeless).toEqual([])
  topic.send(() => 1)
  await turn()
  expect(told.hopeless).toMatchObject([{ code: 'FAUST_ENCODE', topic: 'orders' }])
})

test('of several names the first is the one that is written to', () => {
  const { topic, host } = bench(['orders-eu', 'orders-us'])
  expect(topic.letter(host, 1).topic).toBe('orders-eu')
  expect(topic.specs.map(({ name }) => name)).toEqual(['orders-eu', 'orders-us'])
  expect(['orders-eu', 'orders-us', 'orders'].map(name => topic.covers(name))).toEqual([true, true, false])
})

test('a pattern names no topic to write to, and creates none', async () => {
  const { topic } = bench(/^orders-/)
  await expect(topic.send(1)).rejects.toThrow(/Cannot send to \/\^orders-\/: a pattern names no topic/)
  expect(topic.specs).toEqual([])
})

test('a pattern covers what it matches, every time it is asked, and nothing of the library’s own', () => {
  const { topic } = bench(/orders|reply|consumer/gy)
  for (let asked = 0; asked < 3; asked++) expect(topic.covers('eu-orders')).toBe(true)
  expect(['orders-dead-letters', 'f-reply-1234', '__consumer_offsets', 'payments'].map(name => topic.covers(name))).toEqual([
    false,
    false,
    false,
    false,
  ])
  expect(bench(/^ORDERS$/i).topic.covers('orders')).toBe(true)
})

test('what is to be created says only what was declared', () => {
  expect(bench('orders').topic.specs).toEqual([{ name: 'orders', partitions: 8 }])
  const { topic } = bench('orders', { partitions: 3, replicas: 2, retention: '7d', retentionBytes: 1e9, compacted: true })
  const retained = { retentionMs: 604_800_000, retentionBytes: 1e9 }
  expect(topic.specs).toEqual([{ name: 'orders', partitions: 3, replicas: 2, ...retained, compacted: true }])
})

test('names that the broker would refuse are refused where they are written', () => {
  for (const name of ['', '.', '..', 'a b', 'ä', 'a/b', 'x'.repeat(250)]) expect(() => bench(name)).toThrow(OptionError)
  expect(() => bench([])).toThrow(/needs a name/)
  expect(() => bench(['good', 'not good'])).toThrow(/"not good"/)
  for (const name of ['a', 'A.b_c-9', 'x'.repeat(249)]) expect(bench(name).topic.name).toBe(name)
})

test('options that are unknown or make no sense are refused by name', () => {
  const wrong: [TopicSettings, RegExp][] = [
    [{ partition: 3 } as TopicSettings, /has no option "partition". It takes value, key,/],
    [{ partitions: 0 }, /partitions must be a whole number above 0, got 0/],
    [{ replicas: 1.5 }, /replicas/],
    [{ retention: 'a week' as '7d' }, /retention/],
    [{ retentionBytes: 0 }, /retentionBytes must be a whole number above 0, got 0/],
    [{ retentionBytes: 0.5 }, /retentionBytes/],
    [{ retentionBytes: '1 GB' as unknown as number }, /retentionBytes must be a whole number above 0, got 1 GB/],
    [{ value: {} as z.ZodType }, /Standard Schema/],
    [{ key: {} as z.ZodType }, /Standard Schema/],
  ]
  for (const [settings, message] of wrong) expect(() => bench('orders', settings)).toThrow(message)
})

test('a value that drifts on its round trip is refused where that is checked', async () => {
  const shouting = z.string().transform(word => `${word}!`)
  const { topic } = bench('orders', { value: shouting }, true)
  await expect(topic.send('a!')).rejects.toThrow(EncodeError)
  const late = bench('orders', { value: shouting.refine(async () => true) }, true)
  late.topic.send('a!')
  await turn()
  expect(late.told.failed).toMatchObject([{ code: 'FAUST_ENCODE' }])
})

test('its own reader of values throws what is wrong with them', () => {
  const { topic } = bench('orders', { value: z.number() })
  expect(topic.decode(Buffer.from('1'))).toBe(1)
  expect(() => topic.decode(Buffer.from('"x"'))).toThrow(/expected number/)
  expect(() => topic.decode(null)).toThrow(/expected number/)
})
