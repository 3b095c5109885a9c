import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EncodeError } from '../../errors.js'
import type { Headers } from '../../message/record.js'
import type { Outgoing } from '../../transport/transport.js'
import { compressionNames } from './compression.js'
import { field } from './record-batch.js'
import { RecordReader } from './record-reader.js'
import { type Closing, mostRecordBytes, RecordWriter } from './record-writer.js'
import { loadCompression } from '../wire.js'

const compression = await loadCompression()
const at = { topic: 'orders', partition: 3 }
const closing: Closing = { producerId: -1, producerEpoch: -1, baseSequence: -1, isTransactional: false, compression: 'none' }

// Sizes where a varint takes one byte more, also when every unit of a string takes three.
const text = fc.oneof(
  { weight: 20, arbitrary: fc.string({ unit: 'binary', maxLength: 70 }) },
  { weight: 5, arbitrary: fc.integer({ min: 20, max: 70 }).map(size => '世'.repeat(size)) },
  { weight: 1, arbitrary: fc.integer({ min: 8170, max: 8192 }).map(size => '-'.repeat(size)) },
  { weight: 1, arbitrary: fc.integer({ min: 2720, max: 2735 }).map(size => '世'.repeat(size)) },
  { weight: 1, arbitrary: fc.constant('\ud83c half a pair') },
)
const bytes = fc.uint8Array({ maxLength: 90 })
const key = fc.oneof(
  fc.constant({ key: null, keyStart: 0, keyEnd: 0 }),
  fc.tuple(bytes, fc.nat(), fc.nat()).map(([all, one, other]) => {
    const ends = [one % (all.length + 1), other % (all.length + 1)]
    return { key: all, keyStart: Math.min(...ends), keyEnd: Math.max(...ends) }
  }),
)
const headers = fc.option(
  fc.dictionary(fc.string({ unit: 'binary', maxLength: 12 }), bytes, { maxKeys: 3, noNullPrototype: true }),
)
const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
)
const message: fc.Arbitrary<Outgoing> = fc
  .record({ key, value: fc.oneof(fc.constant(null), text, bytes), headers, timestamp })
  .map(({ key: { key, keyStart, keyEnd }, headers, ...rest }) => ({
    ...at,
    ...rest,
    key,
    keyStart,
    keyEnd,
    headers: headers && new Map(Object.entries(headers)),
  }))
const messages = fc.array(message, { minLength: 1, maxLength: 80, size: 'medium' })

describe('RecordWriter', () => {
  it('writes what a reader reads', () => {
    const writer = new RecordWriter(compression, 0)
    fc.assert(
      fc.property(messages, fc.constantFrom(...compressionNames), (sent, name) => {
        writer.restart()
        for (const one of sent) writer.append(one)
        expect(read(writer.close({ ...closing, compression: name }))).toEqual(sent.map(expected))
      }),
      { numRuns: 80 },
    )
  })

  it('writes byte for byte what kafkajs writes', async () => {
    const kafkajs = loadKafkajs()
    // It takes headers as properties of an object, where numbers come first.
    const isOrderly = ({ headers }: Outgoing): boolean => [...(headers?.keys() ?? [])].every(name => !/^\d|__proto__/.test(name))
    const orderly = messages.map(sent => sent.filter(isOrderly)).filter(sent => sent.length > 0)
    await fc.assert(
      fc.asyncProperty(orderly, fc.nat(2 ** 31 - 1), fc.boolean(), async (sent, producerId, isTransactional) => {
        const stamp = { producerId, producerEpoch: 17, baseSequence: 2 ** 31 - 2, isTransactional }
        const writer = new RecordWriter(compression)
        for (const one of sent) writer.append(one)
        const theirs = await kafkajs(sent, stamp)
        expect(writer.close({ ...closing, ...stamp }).toString('hex')).toBe(theirs.toString('hex'))
      }),
      { numRuns: 100 },
    )
  })

  it('knows what a message takes at most', () => {
    fc.assert(
      fc.property(messages, sent => {
        const writer = new RecordWriter(compression)
        for (const one of sent) {
          const before = writer.size
          writer.append(one)
          expect(writer.size - before).toBeLessThanOrEqual(mostRecordBytes(one))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('can be closed again, and appended to after that', () => {
    const writer = new RecordWriter(compression)
    writer.append(plain('a'))
    const first = Buffer.from(writer.close({ ...closing, producerId: 5, producerEpoch: 1, baseSequence: 10 }))
    const packed = writer.close({ ...closing, compression: 'zstd' })
    const again = Buffer.from(writer.close({ ...closing, producerId: 5, producerEpoch: 2, baseSequence: 0 }))
    expect(again.readInt16BE(field.producerEpoch)).toBe(2)
    writer.append(plain('b'))
    expect([first, packed, again, writer.close(closing)].map(batch => read(batch).map(({ value }) => value))).toEqual([
      ['61'],
      ['61'],
      ['61'],
      ['61', '62'],
    ])
    expect(writer.count).toBe(2)
    writer.restart()
    expect([writer.count, writer.size]).toEqual([0, field.records])
  })

  it.each([NaN, Infinity, -Infinity, 2 ** 53])('refuses %d as a time, and is as before', timestamp => {
    const writer = new RecordWriter(compression)
    writer.append(plain('a'))
    const size = writer.size
    expect(() => writer.append({ ...plain('b'), timestamp })).toThrow(EncodeError)
    expect(() => writer.append({ ...plain('b'), timestamp })).toThrow(
      `Cannot send a message to "orders": its timestamp is ${timestamp}. Give milliseconds since 1970.`,
    )
    expect([writer.count, writer.size]).toEqual([1, size])
  })

  it('leaves parts of a millisecond out', () => {
    const writer = new RecordWriter(compression)
    for (const timestamp of [1.9, 3.5, -1.5]) writer.append({ ...plain('a'), timestamp })
    expect(read(writer.close(closing)).map(({ timestamp }) => timestamp)).toEqual([1, 3, -1])
  })
})

interface Shown {
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly [string, string][]
}

const hex = (part: Uint8Array): string => Buffer.from(part).toString('hex')

/** A string may have halves of surrogate pairs, which become replacement characters. */
function expected({ timestamp, key, keyStart, keyEnd, value, headers }: Outgoing): Shown {
  return {
    timestamp,
    key: key && hex(key.subarray(keyStart, keyEnd)),
    value: value === null ? null : hex(typeof value === 'string' ? Buffer.from(value) : value),
    headers: shownHeaders(headers),
  }
}

function shownHeaders(headers: Headers | null | undefined): [string, string][] {
  return [...(headers ?? [])].map(([name, value]) => [Buffer.from(name).toString(), hex(value)])
}

function read(records: Buffer): Shown[] {
  const reader = new RecordReader(at, 0, { compression, checksCrc: true })
  reader.open({ records, aborted: null })
  const batch = reader.next()
  if (batch === null) return []
  const { buffer, keyStarts, keyEnds, valueStarts, valueEnds, headers } = batch
  const part = (start = NaN, end = NaN): string | null => (start === -1 ? null : hex(buffer.subarray(start, end)))
  return Array.from(batch.timestamps, (timestamp, index) => ({
    timestamp,
    key: part(keyStarts[index], keyEnds[index]),
    value: part(valueStarts[index], valueEnds[index]),
    headers: shownHeaders(headers?.at(index)),
  }))
}

function plain(value: string): Outgoing {
  return { ...at, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value, headers: null }
}

type Kafkajs = (
  sent: readonly Outgoing[],
  stamp: Pick<Closing, 'producerId' | 'producerEpoch' | 'baseSequence' | 'isTransactional'>,
) => Promise<Buffer>

function loadKafkajs(): Kafkajs {
  const load = createRequire(import.meta.url)
  const { RecordBatch } = load('kafkajs/src/protocol/recordBatch/v0') as {
    RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>
  }
  const encodeRecord = load('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => object
  return async (sent, { producerId, producerEpoch, baseSequence, isTransactional }) => {
    const times = sent.map(({ timestamp }) => timestamp)
    const firstTimestamp = times[0] as number
    const records = sent.map(({ key, keyStart, keyEnd, value, headers, timestamp }, offsetDelta) =>
      encodeRecord({
        offsetDelta,
        timestampDelta: timestamp - firstTimestamp,
        key: key && Buffer.from(key.subarray(keyStart, keyEnd)),
        value: value === null ? null : Buffer.from(value as string),
        headers: Object.fromEntries([...(headers ?? [])].map(([name, part]) => [name, Buffer.from(part)])),
      }),
    )
    const maxTimestamp = Math.max(...times)
    const batch = { firstTimestamp, maxTimestamp, partitionLeaderEpoch: -1, lastOffsetDelta: sent.length - 1 }
    const stamp = { producerId, producerEpoch, firstSequence: baseSequence, transactional: isTransactional }
    return (await RecordBatch({ ...batch, ...stamp, records })).buffer
  }
}
