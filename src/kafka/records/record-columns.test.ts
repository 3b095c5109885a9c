import { describe, expect, it } from 'vitest'
import { field, RecordBatch } from './record-batch.js'
import { RecordColumns } from './record-columns.js'
import { writeVarint } from './varint.js'

const at = { topic: 'orders', partition: 3 }

describe('RecordColumns', () => {
  it('takes records of several batches, each where its bytes will be', () => {
    const columns = new RecordColumns()
    const first = bytesOf(record({ delta: 0, key: 'a', value: 'b' }), record({ delta: 4, key: null, value: null }))
    const second = bytesOf(record({ delta: 1, key: '', value: 'c', headers: [2, 1, 'n', -1, 1, 'm', 1, 'v'] }))
    expect(columns.add(batch({ count: 2, lastOffsetDelta: 4 }), { bytes: first, start: 0, end: first.length, shift: 0 }, 0)).toBe(
      true,
    )
    expect(columns.add(batch({ baseOffset: 10 }), { bytes: second, start: 0, end: second.length, shift: first.length }, 0)).toBe(
      true,
    )

    const buffer = Buffer.concat([first, second])
    const sealed = columns.seal({ at, buffer, nextOffset: 12, bytes: buffer.length })
    const part = (start = NaN, end = NaN): string | null =>
      start === -1 && end === -1 ? null : buffer.toString('utf8', start, end)
    expect([...sealed.offsets]).toEqual([0, 4, 11])
    expect([0, 1, 2].map(index => part(sealed.keyStarts[index], sealed.keyEnds[index]))).toEqual(['a', null, ''])
    expect([0, 1, 2].map(index => part(sealed.valueStarts[index], sealed.valueEnds[index]))).toEqual(['b', null, 'c'])
    expect(sealed.headers?.at(0).size).toBe(0)
    expect([...(sealed.headers?.at(2) ?? [])].map(([name, value]) => [name, value.toString()])).toEqual([
      ['n', ''],
      ['m', 'v'],
    ])
    expect(sealed).toMatchObject({ ...at, count: 3, nextOffset: 12, bytes: buffer.length + 3 * 32 })
  })

  it('shares nothing between one batch and the next', () => {
    const columns = new RecordColumns()
    const sealed = [record({ delta: 0, headers: [1, 1, 'n', 1, 'v'] }), record({ delta: 0 })].map((only, baseOffset) => {
      const bytes = bytesOf(only)
      columns.restart()
      columns.add(batch({ baseOffset, lastOffsetDelta: 0 }), { bytes, start: 0, end: bytes.length, shift: 0 }, 0)
      return columns.seal({ at, buffer: bytes, nextOffset: 7, bytes: bytes.length })
    })
    expect(sealed.map(({ offsets }) => [...offsets])).toEqual([[0], [1]])
    expect(sealed.map(({ headers }) => headers?.at(0).size)).toEqual([1, undefined])
  })

  it.each<[string, ...(number | string)[]]>([
    ['is longer than what is in it', 7, 0, 0, 0, -1, -1, 0, '!'],
    ['is shorter than what is in it', 5, 0, 0, 0, -1, -1, 0],
    ['ends behind the batch', 9, 0, 0, 0, 1, 'k', 1, 'v', 0],
    ['is of a negative size', -6, 0, 0, 0, -1, -1, 0],
    ['has a key that reaches out of it', 6, 0, 0, 0, 9, -1, 0],
    ['has a key of all memory', 10, 0, 0, 0, 2 ** 31 - 1, -1, 0],
    ['has a value that reaches out of it', 6, 0, 0, 0, -1, 9, 0],
    ['has a value of all memory', 10, 0, 0, 0, -1, 2 ** 31 - 1, 0],
    ['has fewer headers than none', 6, 0, 0, 0, -1, -1, -1],
    ['has fewer headers than it says', 8, 0, 0, 0, -1, -1, 2, 0, 0],
    ['has more headers than it says', 10, 0, 0, 0, -1, -1, 1, 0, 0, 0, 0],
    ['has headers beyond number', 10, 0, 0, 0, -1, -1, 2 ** 31 - 1],
    ['has a header that reaches out of it', 8, 0, 0, 0, -1, -1, 1, 0, 9],
    ['has a header of all memory', 12, 0, 0, 0, -1, -1, 1, 0, 2 ** 31 - 1],
    ['has a number that does not end', 12, 0, 0, 0, '\xff\xff\xff\xff\xff\x01', 0, 0, 0],
    ['comes before the batch', 6, 0, 0, -1, -1, -1, 0],
    ['comes after the batch', 6, 0, 0, 2, -1, -1, 0],
  ])('takes none of a batch with a record that %s', (_, ...parts) => {
    const columns = new RecordColumns()
    const whole = record({ delta: 0, value: 'a' })
    const damaged = bytesOf(parts)
    const alone = { bytes: damaged, start: 0, end: damaged.length, shift: 0 }
    expect(columns.add(batch({}), alone, 0)).toBe(false)
    const good = bytesOf(whole)
    expect(columns.add(batch({ lastOffsetDelta: 0 }), { bytes: good, start: 0, end: good.length, shift: 0 }, 0)).toBe(true)
    for (const end of [damaged.length, damaged.length + 30]) {
      const bytes = Buffer.concat([damaged, Buffer.alloc(30)])
      expect(columns.add(batch({ baseOffset: 5 }), { bytes, start: 0, end, shift: 0 }, 0)).toBe(false)
    }
    expect(columns.count).toBe(1)
  })

  it('takes none of a batch that goes on behind its last record, or back', () => {
    const columns = new RecordColumns()
    const two = bytesOf(record({ delta: 0 }), record({ delta: 1 }))
    const same = bytesOf(record({ delta: 1 }), record({ delta: 1 }))
    const all = (bytes: Buffer): { bytes: Buffer; start: number; end: number; shift: number } => ({
      bytes,
      start: 0,
      end: bytes.length,
      shift: 0,
    })
    expect(columns.add(batch({ count: 2 }), all(two), 0)).toBe(true)
    expect(columns.add(batch({ count: 1 }), all(two), 0)).toBe(false)
    expect(columns.add(batch({ count: 3, lastOffsetDelta: 9 }), all(two), 0)).toBe(false)
    expect(columns.add(batch({ count: 2 }), all(same), 0)).toBe(false)
    expect(columns.count).toBe(2)
  })

  it('asks for no memory that the bytes cannot need', () => {
    const bytes = bytesOf(record({ delta: 0 }))
    const before = process.memoryUsage().arrayBuffers
    const columns = new RecordColumns()
    expect(columns.add(batch({ count: 2 ** 31 - 1 }), { bytes, start: 0, end: bytes.length, shift: 0 }, 0)).toBe(false)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  })
})

interface Content {
  readonly delta: number
  readonly key?: string | null
  readonly value?: string | null
  /** The number of headers, and what follows it. */
  readonly headers?: readonly (number | string)[]
}

/** A record in parts: a number is written as a varint, text as it is. */
function record({ delta, key = null, value = null, headers = [0] }: Content): (number | string)[] {
  const sized = (text: string | null): (number | string)[] => (text === null ? [-1] : [text.length, text])
  const body = [0, 0, delta, ...sized(key), ...sized(value), ...headers]
  return [bytesOf(body).length, ...body]
}

function bytesOf(...records: readonly (readonly (number | string)[])[]): Buffer {
  return Buffer.concat(
    records.flat().map(part => {
      if (typeof part === 'string') return Buffer.from(part, 'latin1')
      const bytes = Buffer.alloc(5)
      return bytes.subarray(0, writeVarint(bytes, 0, part))
    }),
  )
}

function batch({ count = 1, baseOffset = 0, lastOffsetDelta = 1 }): RecordBatch {
  const head = Buffer.alloc(field.records)
  head.writeInt32BE(count, field.count)
  head.writeInt32BE(baseOffset, field.baseOffset + 4)
  head.writeInt32BE(lastOffsetDelta, field.lastOffsetDelta)
  return new RecordBatch(head, 0, head.length)
}
