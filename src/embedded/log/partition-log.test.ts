import { readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { messagesOf } from '../../testing/contract/messages.js'
import { silentLogger } from '../../lib/log.js'
import { nextTurn, systemClock } from '../../lib/clock.js'
import { LogTrial } from './log-trial.js'
import { PartitionLog } from './partition-log.js'
import { Shelf } from './shelf.js'

const trials: LogTrial[] = []

function newTrial(options: ConstructorParameters<typeof LogTrial>[0] = {}): LogTrial {
  const trial = new LogTrial(options)
  trials.push(trial)
  return trial
}

afterEach(() => {
  for (const trial of trials.splice(0)) trial.close()
})

async function values(trial: LogTrial, from: number = 0): Promise<(string | null)[]> {
  return (await trial.read(from)).batches.flatMap(messagesOf).map(({ value }) => value)
}

function append(trial: LogTrial, ...letters: string[]): void {
  for (const value of letters) trial.append([{ value }])
}

const most = { isolation: 'read-committed', maxBytes: 1_000_000 } as const

test('readers see what was published, not what was only written or staged', async () => {
  const trial = newTrial()
  let grown = 0
  trial.log.onGrown.add(() => grown++)
  append(trial, 'a')
  expect([trial.log.endOffset('read-uncommitted'), await values(trial)]).toEqual([0, []])
  trial.stage()
  append(trial, 'b')
  expect([trial.log.endOffset('read-uncommitted'), grown]).toEqual([0, 0])
  trial.log.publish()
  expect([trial.log.endOffset('read-uncommitted'), await values(trial), grown]).toEqual([1, ['a'], 1])
  expect([trial.stage(), trial.stage()]).toEqual([true, false])
  trial.log.publish()
  trial.log.publish()
  expect([await values(trial), grown]).toEqual([['a', 'b'], 2])
})

test('recent blocks are read at once, others from the disk', async () => {
  const trial = newTrial({ memoryBytes: 2 * (88 + 256) })
  append(trial, 'a', 'b', 'c')
  trial.commit()
  expect(trial.log.read(1, most)).toMatchObject({ blocks: { length: 2 }, position: 3 })
  const fromDisk = trial.log.read(0, most)
  expect(fromDisk).toBeInstanceOf(Promise)
  expect(await fromDisk).toMatchObject({ blocks: { length: 3 }, position: 3 })
})

test.for([0, 1_000_000])('the position passes markers and what was aborted, with %i bytes of memory', async memoryBytes => {
  const trial = newTrial({ memoryBytes })
  trial.append([{ value: 'a' }], 1)
  trial.append([{ value: 'b' }])
  trial.log.mark(1, false)
  trial.append([{ value: 'c' }], 2)
  trial.commit()
  expect(trial.log.endOffset('read-committed')).toBe(3)
  expect(await trial.read(0)).toMatchObject({ batches: [{ count: 1, nextOffset: 3 }], position: 3 })
  expect(await trial.read(3)).toMatchObject({ batches: [], position: 3 })
  expect(await trial.read(0, { isolation: 'read-uncommitted' })).toMatchObject({ batches: [{ count: 3 }], position: 4 })
  trial.log.mark(2, true)
  expect(trial.log.endOffset('read-committed')).toBe(3)
  trial.commit()
  expect(await trial.read(2)).toMatchObject({ batches: [{ count: 1, nextOffset: 5 }], position: 5 })
})

test('an answer has at most the bytes asked for, and at least one block', async () => {
  for (const memoryBytes of [0, 1_000_000]) {
    const trial = newTrial({ memoryBytes })
    append(trial, 'a', 'b', 'c', 'x'.repeat(200_000), 'd')
    trial.commit()
    expect(await trial.log.read(0, { ...most, maxBytes: 200 })).toMatchObject({ blocks: { length: 2 }, position: 2 })
    expect(await trial.log.read(2, { ...most, maxBytes: 200 })).toMatchObject({ blocks: { length: 1 }, position: 3 })
    expect(await trial.log.read(3, { ...most, maxBytes: 200 })).toMatchObject({ blocks: { length: 1 }, position: 4 })
    expect(await values(trial)).toEqual(['a', 'b', 'c', 'x'.repeat(200_000), 'd'])
  }
})

test('a full disk refuses the block and nothing else', async () => {
  const trial = newTrial()
  const path = join(trial.folder, '00000000000000000000.log')
  symlinkSync('/dev/full', path)
  expect(() => append(trial, 'a')).toThrow(
    expect.objectContaining({
      code: 'FAUST_TRANSPORT',
      retriable: true,
      message: `Cannot store messages of "orders"[0]: the disk of ${trial.folder} is full. Free some space; until then producers of this broker are refused.`,
    }),
  )
  expect(trial.stage()).toBe(false)
  unlinkSync(path)
  trial.crash()
  append(trial, 'b')
  trial.commit()
  expect(await values(trial)).toEqual(['b'])
})

test('a folder that cannot be written is an error that says why', () => {
  const trial = newTrial()
  writeFileSync(join(trial.folder, 'file'), '')
  const options = { at: trial.at, record: null, transactions: null, shelf: trial.shelf }
  const retention = { retentionMs: -1, retentionBytes: -1, compacted: false }
  const log = new PartitionLog({ ...options, folder: join(trial.folder, 'file', 'log'), retention })
  expect(() => log.mark(1, true)).toThrow(/^Cannot read "orders"\[0\]: reading .* failed \(ENOTDIR/)
})

test('a damaged block is named and not served; what comes before it is, and it can be left behind', async () => {
  const trial = newTrial({ memoryBytes: 0 })
  append(trial, 'a', 'b', 'c')
  trial.commit()
  const path = join(trial.folder, '00000000000000000000.log')
  for (const position of [88 + 30, 88 + 80]) {
    const bytes = readFileSync(path)
    bytes[position] = (bytes[position] as number) ^ 4
    writeFileSync(path, bytes)
    trial.crash()
    expect(await trial.log.read(0, most)).toMatchObject({ blocks: { length: 1 }, position: 1 })
    await expect(trial.log.read(1, most)).rejects.toMatchObject({
      code: 'FAUST_TRANSPORT',
      retriable: false,
      message: expect.stringMatching(
        /^Cannot read "orders"\[0\]@1: the block at byte 88 of .*\/0{20}\.log is damaged \(the checksum of its (header|messages) does not match\)\. Restore the file from a copy, or give it up: delete the messages of the partition below 3, of a compacted topic the topic\.$/,
      ) as string,
    })
  }
  trial.log.trim(3)
  append(trial, 'd')
  trial.commit()
  expect(await values(trial)).toEqual(['d'])
  expect(await trial.filesOnce(1)).toEqual(['00000000000000000003.log'])
})

test('a file that has become shorter is an error, not an answer', async () => {
  const trial = newTrial({ memoryBytes: 0, segmentBytes: 200 })
  append(trial, 'a', 'b', 'c')
  trial.commit()
  writeFileSync(join(trial.folder, '00000000000000000000.log'), '')
  await expect(trial.log.read(0, most)).rejects.toThrow('the file ends at byte 0 of 176')
  expect(await values(trial, 2)).toEqual(['c'])
})

test('segments go when their latest message is too old, the one being written when all of it is', async () => {
  const trial = newTrial({ segmentBytes: 200, retention: { retentionMs: 1000 } })
  const { nowMs } = trial
  append(trial, 'a', 'b')
  trial.nowMs += 100
  append(trial, 'c')
  trial.append([{ value: 'd', timestamp: nowMs + 2000 }])
  append(trial, 'e')
  trial.commit()
  const expire = async (ms: number): Promise<[boolean, number]> => {
    const isExpired = await trial.log.expire(nowMs + ms)
    trial.commit()
    return [isExpired, trial.log.startOffset()]
  }
  expect(await expire(1000)).toEqual([false, 0])
  expect(await expire(1001)).toEqual([true, 2])
  trial.crash()
  expect(await expire(3000)).toEqual([false, 2])
  expect(await expire(3001)).toEqual([true, 5])
  expect(await expire(9000)).toEqual([false, 5])
  append(trial, 'f')
  trial.commit()
  expect(await values(trial)).toEqual(['f'])
  expect(await trial.filesOnce(1)).toEqual(['00000000000000000005.log'])
  for (let turn = 0; turn < 1000 && trial.shelf.files.count > 1; turn++) await nextTurn(systemClock)
  expect(trial.shelf.files.count).toBe(1)
})

test('segments go when there are more bytes than are kept, and are small where that is little', async () => {
  const trial = newTrial({ retention: { retentionBytes: 1600 } })
  append(trial, ...'abcdefghijklmnopqrs'.split(''))
  trial.commit()
  expect(trial.files).toHaveLength(10)
  expect(await trial.log.expire(0)).toBe(false)
  append(trial, 't', 'u', 'v')
  trial.commit()
  expect(await trial.log.expire(0)).toBe(true)
  trial.commit()
  expect(await values(trial)).toEqual('cdefghijklmnopqrstuv'.split(''))
  const least = newTrial({ retention: { retentionBytes: 0 } })
  append(least, 'a', 'b')
  least.commit()
  expect(await least.log.expire(0)).toBe(true)
  least.commit()
  expect(await values(least)).toEqual(['b'])
})

test('nothing goes that an open transaction holds back, or that is not committed', async () => {
  const trial = newTrial({ segmentBytes: 200, retention: { retentionMs: 1000 } })
  append(trial, 'a', 'b')
  trial.append([{ value: 'c' }], 1)
  append(trial, 'd', 'e')
  expect(await trial.log.expire(trial.nowMs + 5000)).toBe(false)
  trial.commit()
  expect(await trial.log.expire(trial.nowMs + 5000)).toBe(true)
  trial.commit()
  expect(trial.log.startOffset()).toBe(2)
  trial.log.mark(1, false)
  trial.commit()
  await trial.log.expire(trial.nowMs + 5000)
  trial.commit()
  expect(trial.log.startOffset()).toBe(6)
  trial.log.roll()
  append(trial, 'f')
  trial.commit()
  expect(trial.stored.transactions).toEqual({ open: [], aborted: [] })
})

test('a reader goes on with what is dropped meanwhile', async () => {
  const trial = newTrial({ memoryBytes: 0, segmentBytes: 200, openFiles: 1 })
  append(trial, 'a', 'b', 'c', 'd', 'e')
  trial.commit()
  const reading = trial.log.read(0, most)
  trial.log.trim(4)
  trial.commit()
  expect(await reading).toMatchObject({ blocks: { length: 2 }, position: 2 })
  expect(await trial.log.read(2, most)).toMatchObject({ blocks: { length: 1 }, position: 5 })
})

test('a segment is known to be on the disk once it is', async () => {
  const trial = newTrial({ segmentBytes: 200 })
  append(trial, 'a', 'b', 'c', 'd')
  trial.commit()
  expect(trial.stored.record?.unsynced).toEqual([[0, 176]])
  await trial.log.sync()
  append(trial, 'e')
  trial.commit()
  expect(trial.stored.record?.unsynced).toEqual([])
})

test('a deleted log has no files, wakes its readers and refuses them', async () => {
  const trial = newTrial({ memoryBytes: 0 })
  append(trial, 'a')
  trial.commit()
  let grown = 0
  trial.log.onGrown.add(() => grown++)
  const reading = trial.log.read(0, most)
  const deletion = trial.log.delete()
  expect(grown).toBe(1)
  await expect(reading).rejects.toThrow('Cannot reach "orders"[0]: the topic "orders" has been deleted.')
  await deletion
  expect(() => trial.files).toThrow('ENOENT')
  expect(() => trial.log.read(0, most)).toThrow('has been deleted')
  expect(() => append(trial, 'b')).toThrow('has been deleted')
  expect(trial.stage()).toBe(false)
})

test('thousands of logs share their files and their memory', async () => {
  const trial = newTrial()
  const clock = { ...systemClock, now: () => 1 }
  const shelf = new Shelf({ clock, logger: silentLogger, openFiles: 8, memoryBytes: 20_000 })
  const retention = { retentionMs: -1, retentionBytes: -1, compacted: false }
  const logs = Array.from({ length: 200 }, (_, partition) => {
    const at = { topic: 'orders', partition }
    return new PartitionLog({
      at,
      folder: join(trial.folder, `${partition}`),
      record: null,
      transactions: null,
      shelf,
      retention,
    })
  })
  for (let round = 0; round < 3; round++) {
    for (const log of logs) {
      trial.log = log
      append(trial, `${log.at.partition}.${round}`)
      trial.commit()
    }
  }
  expect([shelf.files.count, shelf.memory.bytes <= 20_000]).toEqual([8, true])
  for (const log of logs) {
    trial.log = log
    expect(await values(trial)).toEqual([0, 1, 2].map(round => `${log.at.partition}.${round}`))
  }
  expect(shelf.files.count).toBe(8)
  shelf.close()
})
