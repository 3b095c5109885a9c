import { expect, test } from 'vitest'
import { z } from 'zod'
import { nextTurn, systemClock } from '../lib/clock.js'
import { silentLogger } from '../lib/log.js'
import { TurnBudget } from '../lib/turn.js'
import { json, raw, text, type Codec } from '../message/codec.js'
import { keyHash } from '../message/partitioner.js'
import { noHeaders, type Headers } from '../message/record.js'
import { unchecked } from '../message/schema.js'
import { halting, unreadable } from '../stream/delivered.js'
import type { Batch, Outgoing, OutgoingBatch, Producer } from '../transport/transport.js'
import type { Home, Host } from './host.js'
import { Outbox } from './outbox.js'
import { crash, deadLetter, retry, skip } from './policy.js'
import { AppTopic, type TopicSettings } from './topic.js'

interface Message {
  readonly key?: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly timestamp?: number
  readonly headers?: Record<string, string>
}

/** A batch of "orders"[3] from offset 40 on. */
function batchOf(...messages: readonly Message[]): Batch {
  const parts: Buffer[] = []
  let end = 0
  const place = (bytes: string | Uint8Array | null | undefined): [number, number] => {
    if (bytes === null || bytes === undefined) return [-1, -1]
    parts.push(Buffer.from(bytes as string))
    const start = end
    end += parts.at(-1)?.length ?? 0
    return [start, end]
  }
  const keys = messages.map(({ key }) => place(key))
  const values = messages.map(({ value }) => place(value))
  const headersAt = (index: number): Headers =>
    new Map(Object.entries(messages[index]?.headers ?? {}).map(([name, value]) => [name, Buffer.from(value)]))
  return {
    topic: 'orders',
    partition: 3,
    count: messages.length,
    buffer: Buffer.concat(parts),
    offsets: Float64Array.from(messages, (_, index) => 40 + index),
    timestamps: Float64Array.from(messages, ({ timestamp = 7 }) => timestamp),
    keyStarts: Int32Array.from(keys, ([start]) => start),
    keyEnds: Int32Array.from(keys, ([, stop]) => stop),
    valueStarts: Int32Array.from(values, ([start]) => start),
    valueEnds: Int32Array.from(values, ([, stop]) => stop),
    headers: messages.some(({ headers }) => headers) ? { has: index => headersAt(index).size > 0, at: headersAt } : null,
    nextOffset: 40 + messages.length,
    bytes: end,
  }
}

function bench(settings: TopicSettings) {
  const told = { failures: [] as unknown[], warnings: [] as string[], sent: [] as Outgoing[] }
  const outbox = new Outbox(
    { clock: systemClock, prepare: () => Promise.resolve(8), onHopeless: () => undefined, onUndelivered: () => undefined },
    keyHash,
  )
  const append = (message: Outgoing): OutgoingBatch => {
    told.sent.push({ ...message })
    const places = { offsetAt: () => 0, errorAt: () => null, onSettled: () => undefined }
    return { topic: '', partition: 0, count: 1, baseOffset: 0, isSettled: false, error: null, ...places }
  }
  outbox.open({ append } as unknown as Producer)
  const host: Host = {
    clock: systemClock,
    log: { ...silentLogger, warn: (_facts, message) => void told.warnings.push(message) },
    turn: new TurnBudget(systemClock),
    outbox,
    checksRoundTrips: false,
    subscribe: () => undefined,
    adopt: () => undefined,
    topicNamed: name => new AppTopic(home, name, {}),
    inbox: () => {
      throw new Error('no channel here')
    },
    hop: () => {
      throw new Error('no hop here')
    },
    fail: error => void told.failures.push(error),
  }
  const home: Home = { id: 'app', codec: json, partitions: 8, host: () => host, worker: () => host }
  const topic = new AppTopic(home, 'orders', settings)
  return { topic, told, open: (...messages: Message[]) => topic.columns(host, batchOf(...messages)) }
}

const Total = z.object({ total: z.number() })

test('values are decoded once, by codec and schema, for everybody who shares them', () => {
  const { open } = bench({ value: z.object({ at: z.coerce.date() }) })
  const columns = open({ value: '{"at":"2025-01-01T00:00:00Z"}' })
  expect(columns.open()).toEqual([{ at: new Date('2025-01-01T00:00:00Z') }])
  expect(columns.open()).toBe(columns.open())
  expect(columns.isOdd).toBe(false)
})

test('an event has what the message had', () => {
  const { open } = bench({ value: Total, key: z.string() })
  const columns = open(
    { key: 'k', value: '{"total":1}', timestamp: 99, headers: { trace: 't' } },
    { key: 'l', value: '{"total":2}' },
  )
  columns.open()
  expect([columns.topic, columns.partition, columns.count, columns.offset(1), columns.timestamp(0)]).toEqual([
    'orders',
    3,
    2,
    41,
    99,
  ])
  expect([columns.key(0), columns.key(1), columns.hasHeaders, [...columns.headers(0)]]).toEqual([
    'k',
    'l',
    true,
    [['trace', Buffer.from('t')]],
  ])
  expect(bench({}).open({ value: '1' }).headers(0)).toBe(noHeaders)
})

test('keys are read as what their schema says, as the codec says, or as bytes of their own', () => {
  const read = (settings: TopicSettings, key: string | null): unknown => {
    const columns = bench(settings).open({ key, value: '1' })
    columns.open()
    return columns.key(0)
  }
  expect(read({ key: z.string() }, '42')).toBe('42')
  expect(read({ key: z.number() }, '42')).toBe(42)
  expect(read({ key: z.object({ a: z.number() }) }, '{"a":1}')).toEqual({ a: 1 })
  expect(read({ key: z.number().nullable() }, null)).toBeNull()
  expect(read({ keyCodec: json }, '{"a":1}')).toEqual({ a: 1 })
  expect(read({ keyCodec: text, key: z.string() }, 'k')).toBe('k')
  expect(read({}, null)).toBeNull()
  const columns = bench({}).open({ key: 'bytes', value: '1' })
  columns.batch.buffer.fill(0, 5)
  const key = columns.key(0) as Buffer
  columns.batch.buffer.fill(0)
  expect(key).toEqual(Buffer.from('bytes'))
})

test('a tombstone is null where the schema allows it, and unreadable where it does not', () => {
  expect(bench({ value: Total.nullable() }).open({ value: null }).open()).toEqual([null])
  expect(bench({ value: unchecked() }).open({ value: null }).open()).toEqual([null])
  const strict = bench({ value: Total })
  expect(strict.open({ value: null }).open()).toEqual([unreadable])
  expect(strict.told.warnings[0]).toMatch(/^Cannot decode the value of "orders"\[3\]@40: expected object, got null/)
})

test('raw values are copies, so that they may be kept', () => {
  const { open } = bench({ codec: raw })
  const columns = open({ value: 'abc' })
  const [value] = columns.open()
  columns.batch.buffer.fill(0)
  expect(Buffer.from(value as Uint8Array).toString()).toBe('abc')
})

test('the time of an event is the message’s, or what the topic’s timestamp makes of the value', async () => {
  const placed = (value: unknown): number | Date => (value as { at: number | Date }).at
  const open = bench({ value: unchecked(), timestamp: placed }).open
  const numbers = open({ value: '{"at":5}' }, { value: '{"at":6}' })
  numbers.open()
  expect([numbers.timestamp(0), numbers.timestamp(1)]).toEqual([5, 6])
  const dates = bench({ value: z.object({ at: z.coerce.date() }), timestamp: placed }).open({
    value: '{"at":"1970-01-01T00:00:01Z"}',
  })
  dates.open()
  expect(dates.timestamp(0)).toBe(1000)
  const late = bench({ value: z.object({ at: z.number() }).refine(async () => true), timestamp: placed }).open({
    value: '{"at":5}',
  })
  expect(await late.open()[0]).toEqual({ at: 5 })
  expect(late.timestamp(0)).toBe(5)
})

test('a tombstone keeps the message’s time, and a time that is none is a decode error', () => {
  const { open, told } = bench({ value: unchecked(), timestamp: value => (value as { at: number }).at })
  const columns = open(
    { value: null, timestamp: 3 },
    { value: '{"at":"noon"}' },
    { value: '{"at":null}' },
    { value: '1', timestamp: 8 },
  )
  expect(columns.open()).toEqual([null, unreadable, unreadable, unreadable])
  expect([columns.timestamp(0), told.warnings.length]).toEqual([3, 3])
  expect(told.warnings[0]).toContain('timestamp() must return a number or a Date, got noon')
})

test('what cannot be decoded is skipped and logged with its place, unless the topic says otherwise', () => {
  for (const settings of [{}, { onDecodeError: 'skip' }, { onDecodeError: skip() }] as TopicSettings[]) {
    const { open, told } = bench({ value: Total, ...settings })
    const columns = open({ value: '{"total":1}' }, { value: '{' }, { value: '{"total":"2"}' })
    expect(columns.open()).toEqual([{ total: 1 }, unreadable, unreadable])
    expect(columns.isOdd).toBe(true)
    expect(told.warnings[1]).toBe(
      'Cannot decode the value of "orders"[3]@42: expected number at "total", got string. Fix the producer, or set onDecodeError.',
    )
    expect([told.warnings.length, told.failures.length, told.sent.length]).toEqual([2, 0, 0])
  }
})

test('crash stops the worker and neither hands the message out nor settles it', () => {
  for (const onDecodeError of ['crash', crash()] as const) {
    const { open, told } = bench({ value: Total, onDecodeError })
    expect(open({ value: '{' }).open()).toEqual([halting])
    expect(told.failures).toMatchObject([{ code: 'FAUST_DECODE', topic: 'orders', partition: 3, offset: 40, part: 'value' }])
  }
})

test('a dead letter has the key, the value and the headers exactly as they came, and says what happened', async () => {
  const { open, told } = bench({ value: Total, onDecodeError: deadLetter() })
  const bytes = Buffer.from([0xff, 0x00, 0x7b])
  open({ key: Buffer.from([0xfe]), value: bytes, timestamp: 55, headers: { trace: 't' } }, { value: null }).open()
  await nextTurn(systemClock)
  const [first, second] = told.sent as [Outgoing, Outgoing]
  expect([first.topic, first.partition, first.timestamp]).toEqual(['orders-dead-letters', 3, 55])
  expect([first.key?.subarray(first.keyStart, first.keyEnd), first.value]).toEqual([Buffer.from([0xfe]), bytes])
  const said = Object.fromEntries([...(first.headers ?? [])].map(([name, value]) => [name, Buffer.from(value).toString()]))
  const { '__faust.errors.stacktrace': stack, '__faust.errors.message': message, ...rest } = said
  expect(rest).toEqual({
    trace: 't',
    '__faust.errors.exception': 'DecodeError',
    '__faust.errors.topic': 'orders',
    '__faust.errors.partition': '3',
    '__faust.errors.offset': '40',
    '__faust.errors.agent': '',
    '__faust.errors.attempts': '1',
  })
  expect([message?.slice(0, 41), stack?.startsWith('DecodeError: Cannot')]).toEqual([
    'Cannot decode the value of "orders"[3]@40',
    true,
  ])
  expect([second.key, second.value]).toEqual([null, null])
})

test('a dead letter may go to a topic of your own', async () => {
  const { open, told, topic } = bench({})
  const graves = bench({ value: Total, onDecodeError: deadLetter(topic) })
  graves.open({ value: '{' }).open()
  await nextTurn(systemClock)
  expect(graves.told.sent.map(({ topic: name }) => name)).toEqual(['orders'])
  expect([told.sent, open({ value: '1' }).open()]).toEqual([[], [1]])
})

test('a function is told the error, the bytes and the place; then the event is skipped', async () => {
  const told: unknown[] = []
  const { open } = bench({ value: Total, onDecodeError: (...all) => void told.push(all) })
  expect(open({ value: '{' }, { value: null }).open()).toEqual([unreadable, unreadable])
  expect(told).toMatchObject([
    [{ code: 'FAUST_DECODE' }, Buffer.from('{'), { topic: 'orders', partition: 3, offset: 40 }],
    [{ code: 'FAUST_DECODE' }, null, { topic: 'orders', partition: 3, offset: 41 }],
  ])
  const late = bench({ value: Total, onDecodeError: async () => await nextTurn(systemClock) }).open({ value: '{' })
  expect(await late.open()[0]).toBe(unreadable)
})

test('what a function throws, at once or later, stops the worker', async () => {
  const failure = new RangeError('no')
  const throwing = bench({
    value: Total,
    onDecodeError: () => {
      throw failure
    },
  })
  expect([throwing.open({ value: '{' }).open(), throwing.told.failures]).toEqual([[halting], [failure]])
  const rejecting = bench({ value: Total, onDecodeError: () => Promise.reject(failure) })
  expect([await rejecting.open({ value: '{' }).open()[0], rejecting.told.failures]).toEqual([halting, [failure]])
})

test('an asynchronous schema takes its time, and what it refuses follows the policy', async () => {
  const Even = z.number().refine(async n => n % 2 === 0, 'must be even')
  const { open, told } = bench({ value: Even })
  const columns = open({ value: '2' }, { value: '3' }, { value: '"x"' })
  expect(await Promise.all(columns.open())).toEqual([2, unreadable, unreadable])
  expect([columns.isOdd, told.warnings.length]).toEqual([true, 2])
  expect(told.warnings).toContain(
    'Cannot decode the value of "orders"[3]@41: must be even. Fix the producer, or set onDecodeError.',
  )
})

test('a key that cannot be read follows the policy, and a message is never refused twice', async () => {
  const Late = Total.refine(async () => true)
  for (const value of [Total, Late]) {
    const { open, told } = bench({ value, key: z.number() })
    const columns = open({ key: '1', value: '{"total":1}' }, { key: 'x', value: '{"total":2}' }, { key: 'y', value: '{}' })
    expect(await Promise.all(columns.open())).toEqual([{ total: 1 }, unreadable, unreadable])
    expect(told.warnings.length).toBe(2)
    expect(told.warnings.some(warning => warning.startsWith('Cannot decode the key of "orders"[3]@41: expected number'))).toBe(
      true,
    )
  }
})

test('a schema of keys must answer at once', () => {
  const { open, told } = bench({ key: z.string().refine(async () => true) })
  expect(open({ key: 'k', value: '1' }).open()).toEqual([unreadable])
  expect(told.warnings[0]).toContain('the schema of a key must validate synchronously')
})

test('a codec that throws is a decode error, whatever it throws', () => {
  const codec: Codec = {
    encode: () => Buffer.from(''),
    decode: () => {
      throw 'no such format' as unknown as Error
    },
  }
  const { open, told } = bench({ value: unchecked(), codec })
  expect(open({ value: 'x' }).open()).toEqual([unreadable])
  expect(told.warnings[0]).toContain('no such format')
})

test('a policy that makes no sense for messages is refused where it is written', () => {
  expect(() => bench({ onDecodeError: retry({ attempts: 2 }) })).toThrow(
    /onDecodeError must be 'skip', 'crash', deadLetter\(\) or a function/,
  )
  expect(() => bench({ onDecodeError: 'ignore' as 'skip' })).toThrow(/got ignore/)
})
