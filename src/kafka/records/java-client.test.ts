import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Outgoing } from '../../transport/transport.js'
import { field, readLong, writeLong } from './record-batch.js'
import { type Fetched, RecordReader } from './record-reader.js'
import { RecordWriter } from './record-writer.js'
import { loadCompression } from '../wire.js'

/** What the Java client has written, and what it reads from it; `JavaBatches.java` beside it makes it. */
interface Written {
  readonly name: string
  readonly bytes: string
  readonly records: readonly JavaRecord[]
}

/** Offset, timestamp, key, value, headers. Of long text the size and a digest. */
type JavaRecord = readonly [number, number, string | null, string | null, readonly (readonly [string, string | null])[]]

const compression = await loadCompression()
const at = { topic: 'orders', partition: 3 }
const lines = readFileSync(new URL('../../../test/fixtures/kafka/java-batches.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
const written = lines.map(line => JSON.parse(line) as Written)
const isOld = ({ name }: Written): boolean => name.startsWith('format')

describe('what the Java client writes', () => {
  it.each(written.filter(of => !isOld(of)))('is read as it reads it: $name', of => {
    expect(read(fetched(of)).records).toEqual(of.records.map(oneHeaderForEachName))
  })

  it.each(written.filter(isOld))('is refused when it is old: $name', of => {
    expect(() => read(fetched(of))).toThrow(`Cannot read "orders"[3]@0: the record batch is in message ${of.name}, `)
  })

  it('is left out when it was aborted', () => {
    const aborted = [
      { producerId: 1, firstOffset: 0 },
      { producerId: 1, firstOffset: 12 },
      { producerId: 2, firstOffset: 14 },
    ]
    const { records, position } = read({ ...fetched(named('transactions')), aborted })
    expect(records.map(([offset]) => offset)).toEqual([2, 3, 5, 6, 7, 8, 9, 17, 18])
    expect(position).toBe(20)
  })

  it.each(['compacted', 'compacted to nothing'])('is passed to its end when it was %s', name => {
    expect(read(fetched(named(name))).position).toBe(112)
  })
})

describe('what we write', () => {
  const plain = ['plain', 'nulls', 'headers', 'sizes', 'times', 'unicode', 'idempotent', 'transactional', 'from offset 2^40']

  it.each(plain)('is what the Java client writes, byte for byte: %s', name => {
    const { records } = fetched(named(name))
    for (const asText of [false, true]) {
      const batch = rewritten(records, asText)
      writeLong(batch, readLong(records, field.baseOffset), field.baseOffset)
      expect(batch.toString('hex')).toBe(records.toString('hex'))
    }
  })
})

function named(name: string): Written {
  return written.find(of => of.name === name) as Written
}

function fetched({ bytes }: Written): Fetched {
  return { records: Buffer.from(bytes, 'base64'), aborted: null }
}

/** Ours are kept by name: the last value counts, and none is an empty one. */
function oneHeaderForEachName([offset, timestamp, key, value, headers]: JavaRecord): JavaRecord {
  return [offset, timestamp, key, value, [...new Map(headers.map(([name, of]) => [name, of ?? '']))]]
}

function read(answer: Fetched): { records: JavaRecord[]; position: number } {
  const reader = new RecordReader(at, 0, { compression, checksCrc: true })
  reader.open(answer)
  const records: JavaRecord[] = []
  for (let batch = reader.next(); batch !== null; batch = reader.next()) {
    for (let index = 0; index < batch.count; index++) {
      const headers = [...(batch.headers?.at(index) ?? [])].map(([name, value]) => [name, shown(value)] as const)
      const key = shown(part(batch.buffer, batch.keyStarts[index], batch.keyEnds[index]))
      const value = shown(part(batch.buffer, batch.valueStarts[index], batch.valueEnds[index]))
      records.push([batch.offsets[index] as number, batch.timestamps[index] as number, key, value, headers])
    }
  }
  return { records, position: reader.position }
}

function part(buffer: Buffer, start = NaN, end = NaN): Buffer | null {
  return start === -1 ? null : buffer.subarray(start, end)
}

function shown(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null
  const text = Buffer.from(bytes).toString()
  return text.length > 150 ? `${bytes.length} bytes, SHA-256 ${createHash('sha256').update(bytes).digest('base64')}` : text
}

/** The same messages, by our writer. */
function rewritten(records: Buffer, asText: boolean): Buffer {
  const reader = new RecordReader(at, 0, { compression, checksCrc: true })
  reader.open({ records, aborted: null })
  const writer = new RecordWriter(compression)
  for (let batch = reader.next(); batch !== null; batch = reader.next()) {
    for (let index = 0; index < batch.count; index++) {
      const value = part(batch.buffer, batch.valueStarts[index], batch.valueEnds[index])
      const message: Outgoing = {
        ...at,
        timestamp: batch.timestamps[index] as number,
        key: batch.keyStarts[index] === -1 ? null : batch.buffer,
        keyStart: batch.keyStarts[index] as number,
        keyEnd: batch.keyEnds[index] as number,
        value: asText && value ? value.toString() : value,
        headers: batch.headers?.at(index) ?? null,
      }
      writer.append(message)
    }
  }
  return writer.close({
    producerId: readLong(records, field.producerId),
    producerEpoch: records.readInt16BE(field.producerEpoch),
    baseSequence: records.readInt32BE(field.baseSequence),
    isTransactional: (records.readInt16BE(field.attributes) & 16) !== 0,
    compression: 'none',
  })
}
