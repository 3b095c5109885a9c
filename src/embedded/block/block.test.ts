import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EncodeError, TransportError } from '../../errors.js'
import { messagesOf, type Seen } from '../../testing/contract/messages.js'
import type { Batch, Outgoing } from '../../transport/transport.js'
import { nextOffsetOf, sizeOf } from './block-header.js'
import { keepMessages } from './keep-messages.js'
import { header, headerSize, maxCount } from './layout.js'
import { OpenBlock } from './open-block.js'
import { readBlocks } from './read-blocks.js'
import { stamp, validate, verify, verifyHeader } from './stored-block.js'

const at = { topic: 'orders', partition: 3 }

const bytes = fc.uint8Array({ maxLength: 80 })
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const headers = fc.dictionary(fc.string({ unit: 'binary', maxLength: 12 }), fc.uint8Array({ maxLength: 12 }), { maxKeys: 4 })

const message: fc.Arbitrary<Outgoing> = fc
  .record({
    timestamp: fc.double({ noNaN: true, noDefaultInfinity: true }).map(ms => ms + 0),
    key: fc.option(bytes, { freq: 3 }),
    before: fc.nat(5),
    after: fc.nat(5),
    value: fc.oneof({ weight: 4, arbitrary: text }, { weight: 2, arbitrary: bytes }, { weight: 1, arbitrary: fc.constant(null) }),
    headers: fc.option(headers, { freq: 2 }),
  })
  .map(({ key, before, after, headers: named, ...rest }) => ({
    ...at,
    ...rest,
    key: key && Buffer.concat([Buffer.alloc(before, 1), key, Buffer.alloc(after, 2)]),
    keyStart: before,
    keyEnd: before + (key?.length ?? 0),
    headers: named && new Map(Object.entries(named)),
  }))

const messages = fc.array(message, { minLength: 1, maxLength: 30 })

/** Reused on purpose: what one block leaves behind must not show in the next. */
const open = new OpenBlock()

function blockOf(sent: readonly Outgoing[], baseOffset: number, marks: { storedAt?: number; transaction?: number } = {}): Buffer {
  for (const one of sent) open.add(one)
  const block = open.close()
  expect(validate(block)).toBeNull()
  stamp(block, { baseOffset, storedAt: marks.storedAt ?? 5, transaction: marks.transaction ?? 0 })
  expect(verify(block)).toBeNull()
  return block
}

/** What a reader must see of a message. */
function seen({ timestamp, key, keyStart, keyEnd, value, headers: sent }: Outgoing, offset: number): Seen {
  const asText = (part: string | Uint8Array | null): string | null => (part === null ? null : Buffer.from(part).toString())
  const named = Array.from(sent ?? [], ([name, part]) => [asText(name), asText(part)] as const)
  return {
    offset,
    timestamp,
    key: asText(key && key.subarray(keyStart, keyEnd)),
    value: asText(value),
    headers: Object.fromEntries(named) as Record<string, string>,
  }
}

function read(blocks: readonly Buffer[], from: number): Seen[] {
  const last = blocks.at(-1)
  const batch = readBlocks(Buffer.concat(blocks), at, { from, nextOffset: last === undefined ? from : nextOffsetOf(last) })
  if (batch !== null) checkColumns(batch)
  return batch === null ? [] : messagesOf(batch)
}

function checkColumns(batch: Batch): void {
  expect(batch).toMatchObject(at)
  for (const column of [batch.offsets, batch.timestamps, batch.keyStarts, batch.keyEnds, batch.valueStarts, batch.valueEnds]) {
    expect(column).toHaveLength(batch.count)
  }
  expect(batch.bytes).toBeGreaterThanOrEqual(batch.buffer.length + batch.count * 32)
}

test('several blocks read as what was appended, from any offset on', () => {
  const run = fc.tuple(fc.array(fc.tuple(messages, fc.nat(3)), { minLength: 1, maxLength: 4 }), fc.nat(2 ** 40), fc.nat())
  fc.assert(
    fc.property(run, ([parts, first, chance]) => {
      const expected: Seen[] = []
      let next = first
      const blocks = parts.map(([sent, hole]) => {
        const block = blockOf(sent, next)
        expected.push(...sent.map((one, index) => seen(one, next + index)))
        next += sent.length + hole
        return block
      })
      expect(read(blocks, first)).toEqual(expected)
      const from = first + (chance % (next - first + 1))
      expect(read(blocks, from)).toEqual(expected.filter(({ offset }) => offset >= from))
    }),
  )
})

test('a flipped bit and a missing tail are always found, in what arrives and in what was stored', () => {
  fc.assert(
    fc.property(messages, fc.tuple(fc.nat(), fc.nat(7), fc.nat()), (sent, [place, bit, cut]) => {
      for (const one of sent) open.add(one)
      const incoming = open.close()
      const stored = Buffer.from(incoming)
      stamp(stored, { baseOffset: 7, storedAt: 5, transaction: 2 })
      const isBrokers = (byte: number): boolean => byte >= header.headerCrc && byte < header.latestTimestamp
      const flip = (block: Buffer, byte: number): Buffer => {
        const flipped = Buffer.from(block)
        flipped[byte] = (flipped[byte] as number) ^ (1 << bit)
        return flipped
      }
      const byte = place % stored.length
      if (!isBrokers(byte)) expect(validate(flip(incoming, byte))).not.toBeNull()
      expect(verify(flip(stored, byte))).not.toBeNull()
      const more = Buffer.concat([stored, stored])
      expect(verifyHeader(more)).toBeNull()
      expect(verifyHeader(flip(more, place % headerSize))).not.toBeNull()
      expect(validate(incoming.subarray(0, cut % incoming.length))).not.toBeNull()
      expect(verify(stored.subarray(0, cut % stored.length))).not.toBeNull()
    }),
    { numRuns: 500 },
  )
})

test('a block from a producer gone wrong is refused even when its checksum is right', () => {
  const wrongs: [string, (block: Buffer) => void][] = [
    ['it has 0 messages', block => block.writeUInt32LE(0, header.count)],
    ['it claims to have been compacted', block => block.writeUInt32LE(3, header.span)],
    ['it claims to have been compacted', block => block.writeUInt32LE(1, header.flags)],
    ['it has 2000000 bytes of keys and values', block => block.writeUInt32LE(2_000_000, header.dataBytes)],
    ['its parts do not add up', block => block.writeUInt32LE(100, header.headerBytes)],
    ['a length below zero', block => block.writeInt32LE(-2, headerSize + 16)],
    ['the timestamp NaN', block => block.writeDoubleLE(NaN, headerSize)],
    ['its messages have', block => block.writeInt32LE(1, headerSize + 16)],
    ['its latest timestamp', block => block.writeDoubleLE(9, header.latestTimestamp)],
    ['its headers are cut off', block => block.writeUInt32LE(9, block.length - 24)],
    ['its headers are cut off', block => block.writeUInt32LE(7, block.length - 10)],
    ['its headers belong to', block => block.writeUInt32LE(2, block.length - 28)],
  ]
  for (const [reason, harm] of wrongs) {
    const named = new Map([['name-123', Buffer.from('value-')]])
    for (const value of ['12345678', '12345678']) {
      open.add({ ...at, timestamp: 8, key: null, keyStart: 0, keyEnd: 0, value, headers: named })
    }
    const block = open.close()
    expect(validate(block)).toBeNull()
    harm(block)
    block.writeUInt32LE(crc32(block.subarray(headerSize)), header.bodyCrc)
    expect(validate(block)).toContain(reason)
  }
})

test('a compacted block keeps offsets, timestamps, headers and its range, also when it is compacted again', () => {
  fc.assert(
    fc.property(messages, fc.infiniteStream(fc.boolean()), fc.infiniteStream(fc.boolean()), (sent, first, second) => {
      const marks = { storedAt: 77, transaction: 9 }
      let block: Buffer | null = blockOf(sent, 1000, marks)
      let expected = sent.map((one, index) => seen(one, 1000 + index))
      for (const choices of [first, second]) {
        if (block === null) return
        const keeps = [...choices.take(expected.length)]
        expected = expected.filter((_, index) => keeps[index])
        block = keepMessages(block, index => keeps[index] as boolean)
        if (expected.length === 0) expect(block).toBeNull()
        if (block === null) continue
        expect(verify(block)).toBeNull()
        expect([sizeOf(block), nextOffsetOf(block)]).toEqual([block.length, 1000 + sent.length])
        expect(block.readDoubleLE(header.latestTimestamp)).toBe(Math.max(...expected.map(({ timestamp }) => timestamp)))
        expect([block.readDoubleLE(header.storedAt), block.readDoubleLE(header.transaction)]).toEqual([77, 9])
        expect(read([block], 0)).toEqual(expected)
      }
    }),
  )
})

test('a block of which all is kept is the block itself', () => {
  const block = blockOf([{ ...at, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value: 'a', headers: null }], 0)
  expect(keepMessages(block, () => true)).toBe(block)
})

test('many and large messages fit, and memory that one block took does not show in the next', () => {
  const one = { ...at, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, headers: null }
  const large = blockOf([{ ...one, value: 'é'.repeat(500_000) }], 0)
  expect(read([large], 0)[0]?.value).toHaveLength(500_000)
  const many = Array.from({ length: maxCount }, (_, index) => ({ ...one, value: `value-${index}` }))
  expect(read([blockOf(many, 5)], 0).map(({ value }) => value)).toEqual(many.map(({ value }) => value))
  expect(read([blockOf([{ ...one, value: 'small' }], 5)], 0)).toMatchObject([{ value: 'small' }])
})

test('says when it has no room', () => {
  const one = { ...at, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, headers: null }
  expect(open.hasRoomFor(1024 * 1024)).toBe(true)
  open.add({ ...one, value: 'x'.repeat(200 * 1024) })
  expect([open.hasRoomFor(56 * 1024), open.hasRoomFor(56 * 1024 + 1)]).toEqual([true, false])
  open.close()
  for (let left = maxCount; left > 0; left--) open.add({ ...one, value: null })
  expect(open.hasRoomFor(0)).toBe(false)
  open.close()
})

test('a header with too long a name is an error that changes nothing', () => {
  const one = { ...at, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value: 'a' }
  open.add({ ...one, headers: new Map([['n', Buffer.from('1')]]) })
  expect(() => open.add({ ...one, headers: new Map([['é'.repeat(40_000), Buffer.alloc(1)]]) })).toThrow(EncodeError)
  const block = open.close()
  expect(validate(block)).toBeNull()
  expect(read([block], 0)).toMatchObject([{ value: 'a', headers: { n: '1' } }])
})

test('headers are looked for where a message has any, and nowhere when none has', () => {
  const one = { ...at, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value: 'a', headers: null }
  const named = { ...one, headers: new Map([['n', Buffer.from('1')]]) }
  const batch = readBlocks(blockOf([one, named, one], 0), at, { from: 1, nextOffset: 3 })
  expect([0, 1].map(index => batch?.headers?.has(index))).toEqual([true, false])
  expect(readBlocks(blockOf([one, one], 0), at, { from: 0, nextOffset: 2 })?.headers).toBeNull()
  expect(readBlocks(blockOf([named, one], 0), at, { from: 1, nextOffset: 2 })?.headers?.has(0) ?? false).toBe(false)
})

test('what is not a row of whole blocks is an error, not an endless loop', () => {
  const block = blockOf([{ ...at, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value: 'a', headers: null }], 0)
  for (const broken of [block.subarray(0, 80), Buffer.alloc(128), Buffer.concat([block, block.subarray(0, 64)])]) {
    expect(() => readBlocks(Buffer.from(broken), at, { from: 0, nextOffset: 1 })).toThrow(TransportError)
  }
  expect(readBlocks(Buffer.alloc(0), at, { from: 0, nextOffset: 1 })).toBeNull()
})
