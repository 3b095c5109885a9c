import { describe, expect, it } from 'vitest'
import { TransportError } from '../../errors.js'
import type { Headers } from '../../message/record.js'
import type { Batch } from '../../transport/transport.js'
import type { CompressionName } from './compression.js'
import { crc32c } from './crc32c.js'
import { attribute, field, writeLong } from './record-batch.js'
import { type Fetched, RecordReader } from './record-reader.js'
import { RecordWriter } from './record-writer.js'
import { loadCompression } from '../wire.js'

const compression = await loadCompression()
const at = { topic: 'orders', partition: 3 }

describe('RecordReader', () => {
  it('gives the messages of an answer, and a position after them', () => {
    const reader = readerAt(10)
    reader.open(fetched(stored(10, 'a', 'b'), stored(12, 'c')))
    const batch = reader.next()
    expect(batch).toMatchObject({ topic: 'orders', partition: 3, count: 3, headers: null, nextOffset: 13 })
    expect(values(batch)).toEqual(['10 a', '11 b', '12 c'])
    expect(reader.next()).toBeNull()
    expect(reader.position).toBe(13)
  })

  it('leaves what is cut off to the next answer', () => {
    const whole = stored(0, 'a', 'b')
    const next = stored(2, 'c', 'd')
    for (let bytes = 0; bytes < next.length; bytes++) {
      const reader = readerAt(0)
      reader.open(fetched(whole, next.subarray(0, bytes)))
      expect(all(reader)).toEqual(['0 a', '1 b'])
      expect(reader.position).toBe(2)
      reader.open(fetched(next))
      expect(all(reader)).toEqual(['2 c', '3 d'])
    }
  })

  it('refuses an answer that ends within its first batch: it would never get any further', () => {
    const whole = stored(0, 'a')
    for (let bytes = 1; bytes < whole.length; bytes++) {
      const reader = readerAt(0)
      reader.open(fetched(whole.subarray(0, bytes)))
      expect(() => reader.next()).toThrow(
        `Cannot read "orders"[3]@0: the answer of ${bytes} bytes ends within its first record batch.`,
      )
    }
    const reader = readerAt(0)
    reader.open(fetched())
    expect(reader.next()).toBeNull()
  })

  it('drops what lies below the position', () => {
    const reader = readerAt(12)
    reader.open(fetched(stored(8, 'a'), stored(10, 'b', 'c', 'd', 'e'), stored(14, 'f')))
    expect(all(reader)).toEqual(['12 d', '13 e', '14 f'])
  })

  it('passes what compaction left empty, and never goes back', () => {
    const empty = changed(stored(5, 'a', 'b', 'c').subarray(0, field.records), batch => batch.writeInt32BE(0, field.count))
    const reader = readerAt(5)
    reader.open(fetched(empty))
    expect(reader.next()).toBeNull()
    expect(reader.position).toBe(8)
    reader.open(fetched(stored(3, 'old')))
    expect(reader.next()).toBeNull()
    expect(reader.position).toBe(8)
  })

  it('takes the time of the broker where that counts', () => {
    const reader = readerAt(0)
    const byBroker = changed(stored(0, 'a', 'b'), batch => {
      batch.writeInt16BE(attribute.isAppendTime, field.attributes)
      writeLong(batch, 4242, field.maxTimestamp)
    })
    reader.open(fetched(byBroker))
    expect([...(reader.next()?.timestamps ?? [])]).toEqual([4242, 4242])
  })

  it('ends a batch early enough to be paused, at a record batch', () => {
    const reader = readerAt(0)
    const parts = Array.from({ length: 30 }, (_, index) => stored(index * 100, ...Array<string>(100).fill('x')))
    reader.open(fetched(...parts))
    expect(counts(reader)).toEqual([1100, 1100, 800])

    const large = 'y'.repeat(100_000)
    reader.position = 0
    reader.open(fetched(...Array.from({ length: 8 }, (_, index) => stored(index, large))))
    expect(counts(reader)).toEqual([3, 3, 2])
  })

  it('gives compressed batches as one, with other ones before and after', () => {
    const reader = readerAt(1)
    const packed = (offset: number, ...texts: string[]): Buffer => placed(offset, written(texts, 'lz4'))
    reader.open(fetched(stored(0, 'a', 'b'), packed(2, 'c', 'd'), marker(4, 1, 'commit'), packed(5, 'e'), stored(6, 'f')))
    const batches = [reader.next(), reader.next(), reader.next()]
    expect(batches.map(values)).toEqual([['1 b'], ['2 c', '3 d', '5 e'], ['6 f']])
    expect(batches.map(batch => batch?.nextOffset)).toEqual([2, 6, 7])
    expect(reader.next()).toBeNull()
  })

  it('keeps no place for a compressed batch that has nothing new', () => {
    const holed = changed(placed(0, written(['a', 'b'], 'gzip')), batch => batch.writeInt32BE(5, field.lastOffsetDelta))
    const reader = readerAt(4)
    reader.open(fetched(holed, stored(6, 'c')))
    expect(all(reader)).toEqual(['6 c'])
  })

  it('reads headers when they are asked for', () => {
    const reader = readerAt(0)
    const headers = new Map([['trace', Buffer.from('abc')]])
    reader.open(fetched(placed(0, written([null, headers, null], 'none'))))
    const column = reader.next()?.headers
    expect([0, 1, 2].map(index => column?.has(index))).toEqual([false, true, false])
    expect(column?.at(1)).toEqual(headers)
    expect(column?.at(0).size).toBe(0)
  })
})

describe('transactions', () => {
  const log = (): Buffer[] => [
    open(0, 1, 'a', 'b'),
    stored(2, 'c'),
    open(3, 2, 'd'),
    marker(4, 1, 'abort'),
    open(5, 2, 'e'),
    open(6, 1, 'f'),
    marker(7, 2, 'abort'),
    marker(8, 1, 'commit'),
    open(9, 1, 'g'),
    marker(10, 1, 'abort'),
    open(11, 1, 'h'),
    marker(12, 1, 'commit'),
  ]
  const aborted = [
    { producerId: 1, firstOffset: 9 },
    { producerId: 2, firstOffset: 3 },
    { producerId: 1, firstOffset: 0 },
  ]

  it('leave out what was aborted, and pass the markers', () => {
    const reader = readerAt(0)
    reader.open({ ...fetched(...log()), aborted })
    expect(all(reader)).toEqual(['2 c', '6 f', '11 h'])
    expect(reader.position).toBe(13)
  })

  it('are all seen by whoever does not ask', () => {
    const reader = readerAt(0)
    reader.open(fetched(...log()))
    expect(all(reader)).toEqual(['0 a', '1 b', '2 c', '3 d', '5 e', '6 f', '9 g', '11 h'])
    expect(reader.position).toBe(13)
  })

  it('come out the same wherever an answer ends and the next one begins', () => {
    const parts = log()
    // As a broker lists them: every one whose end is at or after the beginning, and whose first offset is within.
    const ends = [10, 7, 4]
    for (let cut = 1; cut < parts.length; cut++) {
      const reader = readerAt(0)
      const read = [parts.slice(0, cut), parts.slice(cut)].map(some => {
        const from = reader.position
        const last = (some.at(-1) as Buffer).readUInt32BE(4)
        const listed = aborted.filter(({ firstOffset }, index) => (ends[index] as number) >= from && firstOffset <= last)
        reader.open({ ...fetched(...some), aborted: listed })
        return all(reader)
      })
      expect(read.flat()).toEqual(['2 c', '6 f', '11 h'])
    }
  })

  it('are over with a marker that aborts, not with one that comes late for the transaction before', () => {
    const reader = readerAt(0)
    const parts = [open(0, 1, 'a'), marker(1, 1, 'commit'), open(2, 1, 'b'), marker(3, 1, 'abort'), open(4, 1, 'c')]
    reader.open({ ...fetched(...parts), aborted: [{ producerId: 1, firstOffset: 0 }] })
    expect(all(reader)).toEqual(['4 c'])
  })

  it('count as over without the data that was compacted away, and only those that are transactions', () => {
    const reader = readerAt(0)
    const plain = changed(stored(3, 'b'), batch => writeLong(batch, 1, field.producerId))
    reader.open({ ...fetched(marker(2, 1, 'abort'), plain, open(4, 1, 'c')), aborted: [{ producerId: 1, firstOffset: 0 }] })
    expect(all(reader)).toEqual(['3 b', '4 c'])
    reader.open({
      ...fetched(changed(open(5, 1, 'd'), batch => batch.writeInt16BE(0, field.attributes))),
      aborted: [{ producerId: 1, firstOffset: 0 }],
    })
    expect(all(reader)).toEqual(['5 d'])
  })
})

describe('what cannot be read', () => {
  it('is found by its checksum, whichever bit has changed', () => {
    const good = stored(0, 'first')
    const whole = stored(1, 'abc', 'def')
    for (let bit = field.attributes * 8; bit < whole.length * 8; bit++) {
      const damaged = Buffer.from(whole)
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      const reader = readerAt(0)
      reader.open(fetched(good, damaged, stored(3, 'last')))
      expect(values(reader.next())).toEqual(['0 first'])
      for (let attempt = 0; attempt < 2; attempt++) {
        expect(() => reader.next()).toThrow(
          /^Cannot read "orders"\[3]@1: the record batch is damaged, its checksum is \d+, not \d+\. /,
        )
      }
      expect(reader.position).toBe(1)
    }
  })

  it.each([0, 1])('is of an old format: %d', format => {
    const reader = readerAt(7)
    reader.open(fetched(changed(stored(7, 'a'), batch => batch.writeInt8(format, field.format))))
    expect(() => reader.next()).toThrow(
      `Cannot read "orders"[3]@7: the record batch is in message format ${format}, from before Kafka 0.11. Copy the topic into a new one`,
    )
  })

  it.each([
    [
      'format 3',
      (batch: Buffer) => batch.writeInt8(3, field.format),
      'in message format 3, and not in format 2. Update faust-ts',
    ],
    ['too short', (batch: Buffer) => batch.writeInt32BE(48, field.length), 'it is shorter than its own head'],
    ['of negative size', (batch: Buffer) => batch.writeInt32BE(-1, field.length), 'it is shorter than its own head'],
    ['out of order', (batch: Buffer) => batch.writeInt32BE(-1, field.baseOffset), 'its offset is out of order'],
    ['out of this world', (batch: Buffer) => batch.writeInt32BE(1 << 30, field.baseOffset), 'its offset is out of order'],
    ['of a negative count', (batch: Buffer) => batch.writeInt32BE(-1, field.count), 'its number of records is negative'],
    [
      'of a negative last offset',
      (batch: Buffer) => batch.writeInt32BE(-1, field.lastOffsetDelta),
      'its number of records is negative',
    ],
    ['of too many records', (batch: Buffer) => batch.writeInt32BE(2 ** 31 - 1, field.count), 'a record does not fit into it'],
    ['of too few records', (batch: Buffer) => batch.writeInt32BE(1, field.count), 'a record does not fit into it'],
    [
      'of offsets beyond its last',
      (batch: Buffer) => batch.writeInt32BE(0, field.lastOffsetDelta),
      'a record does not fit into it',
    ],
    [
      'compressed by nobody knows what',
      (batch: Buffer) => batch.writeInt16BE(5, field.attributes),
      'Cannot decompress algorithm 5',
    ],
    [
      'not compressed as it says',
      (batch: Buffer) => batch.writeInt16BE(3, field.attributes),
      'Cannot decompress lz4: it is no LZ4 frame',
    ],
  ])('is %s', (_, change, why) => {
    const reader = readerAt(0)
    reader.open(fetched(changed(stored(0, 'a', 'b'), change)))
    expect(() => reader.next()).toThrow(why)
    expect(() => reader.next()).toThrow(TransportError)
  })
})

function readerAt(position: number): RecordReader {
  return new RecordReader(at, position, { compression, checksCrc: true })
}

function fetched(...parts: readonly Buffer[]): Fetched {
  return { records: Buffer.concat(parts), aborted: null }
}

/** A value, or the headers of a message without one. */
type Content = string | null | Headers

function written(contents: readonly Content[], name: CompressionName, producerId = -1): Buffer {
  const writer = new RecordWriter(compression)
  for (const content of contents) {
    const value = typeof content === 'string' ? content : null
    const headers = typeof content === 'string' ? null : content
    writer.append({ ...at, timestamp: 1_700_000_000_000, key: null, keyStart: 0, keyEnd: 0, value, headers })
  }
  return writer.close({ producerId, producerEpoch: 0, baseSequence: 0, isTransactional: producerId >= 0, compression: name })
}

/** As the broker stores it: it sets the offset, which is not under the checksum. */
function placed(offset: number, batch: Buffer): Buffer {
  writeLong(batch, offset, field.baseOffset)
  return batch
}

function stored(offset: number, ...texts: readonly string[]): Buffer {
  return placed(offset, written(texts, 'none'))
}

function open(offset: number, producerId: number, ...texts: readonly string[]): Buffer {
  return placed(offset, written(texts, 'none', producerId))
}

function marker(offset: number, producerId: number, type: 'abort' | 'commit'): Buffer {
  const writer = new RecordWriter(compression)
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1])
  writer.append({ ...at, timestamp: 1, key, keyStart: 0, keyEnd: 4, value: Buffer.alloc(6), headers: null })
  const closing = { producerId, producerEpoch: 0, baseSequence: -1, isTransactional: true, compression: 'none' } as const
  const isMarker = attribute.isTransactional | attribute.isControl
  return placed(
    offset,
    changed(writer.close(closing), batch => batch.writeInt16BE(isMarker, field.attributes)),
  )
}

/** A batch that was written otherwise: its checksum is right. */
function changed(whole: Buffer, change: (batch: Buffer) => unknown): Buffer {
  const batch = Buffer.from(whole)
  batch.writeInt32BE(batch.length - 12, field.length)
  change(batch)
  batch.writeUInt32BE(crc32c(batch, field.attributes, batch.length), field.checksum)
  return batch
}

function values(batch: Batch | null): string[] {
  if (batch === null) return []
  const { buffer, offsets, valueStarts, valueEnds } = batch
  return Array.from(offsets, (offset, index) => `${offset} ${buffer.toString('utf8', valueStarts[index], valueEnds[index])}`)
}

function all(reader: RecordReader): string[] {
  return batches(reader).flatMap(values)
}

function counts(reader: RecordReader): number[] {
  return batches(reader).map(batch => batch.count)
}

function batches(reader: RecordReader): Batch[] {
  const read: Batch[] = []
  for (let batch = reader.next(); batch !== null; batch = reader.next()) read.push(batch)
  return read
}
