import { expect, test } from 'vitest'
import { BlockMemory, RecentBlocks } from './recent-blocks.js'
import { OpenBlock } from '../block/open-block.js'
import { stamp } from '../block/stored-block.js'

const open = new OpenBlock()

function block(baseOffset: number, value: string = 'v'): Buffer {
  open.add({ topic: 'orders', partition: 0, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value, headers: null })
  const bytes = open.close()
  stamp(bytes, { baseOffset, storedAt: 1, transaction: 0 })
  return bytes
}

const query = { from: 0, limit: 100, maxBytes: 1_000_000, isHidden: () => false }

test('the oldest blocks of all logs go first', () => {
  const memory = new BlockMemory(3000)
  const [first, second] = [new RecentBlocks(memory, 0), new RecentBlocks(memory, 0)]
  for (let offset = 0; offset < 4; offset++) {
    first.add(block(offset))
    second.add(block(offset))
  }
  expect(memory.bytes).toBe(8 * (88 + 256))
  second.add(block(4))
  expect([first.start, second.start]).toEqual([1, 0])
  expect(memory.bytes).toBeLessThanOrEqual(3000)
  expect(first.read({ ...query, from: 1 })).toMatchObject({ blocks: { length: 3 }, position: 100 })
})

test('a block that has no room at all is not kept', () => {
  const memory = new BlockMemory(1000)
  const recent = new RecentBlocks(memory, 0)
  recent.add(block(0))
  recent.add(block(1, 'x'.repeat(2000)))
  expect([recent.start, memory.bytes]).toEqual([2, 0])
})

test('what a log forgets makes room for others', () => {
  const memory = new BlockMemory(10_000)
  const [first, second] = [new RecentBlocks(memory, 0), new RecentBlocks(memory, 0)]
  for (let offset = 0; offset < 5; offset++) {
    first.add(block(offset))
    second.add(block(offset))
  }
  first.forgetBelow(3)
  second.forgetBelow(Infinity)
  expect(memory.bytes).toBe(2 * (88 + 256))
  expect(first.read({ ...query, from: 3 }).blocks).toHaveLength(2)
})

test('a small block does not keep what it came with', () => {
  const memory = new BlockMemory(10_000)
  const recent = new RecentBlocks(memory, 0)
  const frame = Buffer.alloc(100_000)
  const small = block(0)
  small.copy(frame, 64)
  recent.add(frame.subarray(64, 64 + small.length))
  const [kept] = recent.read(query).blocks
  expect(kept).toEqual(small)
  expect(kept?.buffer.byteLength).toBe(small.length)
})
