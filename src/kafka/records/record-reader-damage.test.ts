import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TransportError } from '../../errors.js'
import type { Headers } from '../../message/record.js'
import type { Batch } from '../../transport/transport.js'
import type { CompressionName } from './compression.js'
import { field, writeLong } from './record-batch.js'
import { type Fetched, RecordReader } from './record-reader.js'
import { RecordWriter } from './record-writer.js'
import { loadCompression } from '../wire.js'

const compression = await loadCompression()
const at = { topic: 'orders', partition: 3 }

describe('an answer that was damaged on the way', () => {
  it.each([true, false])('is an error or other messages within the bytes, never worse; checksums checked: %s', checksCrc => {
    const messages = fc.array(fc.oneof(fc.string({ maxLength: 80 }), fc.constant(headed)), { minLength: 1, maxLength: 8 })
    const names = fc.constantFrom<CompressionName[]>('none', 'none', 'gzip', 'snappy', 'lz4', 'zstd')
    const noise = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 })
    const property = fc.property(
      fc.array(fc.tuple(messages, names), { maxLength: 3 }),
      noise,
      fc.nat(),
      (parts, changes, cut) => {
        let offset = 0
        const batches = parts.map(([texts, name]) => placed((offset += 10) - 10, written(texts, name)))
        const bytes = Buffer.concat(batches)
        for (const [where, byte] of changes) if (bytes.length > 0) bytes[where % bytes.length] = byte
        const answer = {
          records: bytes.subarray(0, bytes.length - (cut % (bytes.length + 1))),
          aborted: [{ producerId: -1, firstOffset: 0 }],
        }
        soundly(new RecordReader(at, 0, { compression, checksCrc }), answer)
      },
    )
    fc.assert(property, { numRuns: 3000 })
  })

  it('is an error where there is nothing but noise', () => {
    const noise = fc
      .uint8Array({ maxLength: 200 })
      .map(bytes => (bytes.length > field.format && (bytes[field.format] = 2), Buffer.from(bytes)))
    const length = fc.nat(250)
    const property = fc.property(noise, length, (bytes, said) => {
      if (bytes.length >= 12) bytes.writeInt32BE(said, field.length)
      soundly(new RecordReader(at, 0, { compression, checksCrc: false }), { records: bytes, aborted: null })
    })
    fc.assert(property, { numRuns: 5000 })
  })
})

/** A value, or the headers of a message without one. */
type Content = string | null | Headers

const headed: Headers = new Map([
  ['name', Buffer.from('value')],
  ['é', Buffer.alloc(0)],
])

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

/** Reads until the end or an error; everything given must be in order and within its buffer. */
function soundly(reader: RecordReader, answer: Fetched): void {
  let least = 0
  reader.open(answer)
  try {
    for (let batch = reader.next(); batch !== null; batch = reader.next()) {
      for (const [index, offset] of batch.offsets.entries()) {
        expect(offset).toBeGreaterThanOrEqual(least)
        least = offset + 1
        expectWithin(batch, batch.keyStarts[index], batch.keyEnds[index])
        expectWithin(batch, batch.valueStarts[index], batch.valueEnds[index])
        for (const value of batch.headers?.at(index).values() ?? []) expect(value.buffer).toBe(batch.buffer.buffer)
      }
      expect(batch.nextOffset).toBeGreaterThanOrEqual(least)
    }
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
  }
  expect(reader.position).toBeGreaterThanOrEqual(least)
}

function expectWithin({ buffer }: Batch, start = NaN, end = NaN): void {
  if (start === -1) expect(end).toBe(-1)
  else expect(0 <= start && start <= end && end <= buffer.length).toBe(true)
}
