import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { seededRandom } from '../../lib/random.js'
import { messagesOf } from '../../testing/contract/messages.js'
import { LogTrial } from './log-trial.js'

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
  const { batches } = await trial.read(from, { isolation: 'read-uncommitted' })
  return batches.flatMap(messagesOf).map(({ value }) => value)
}

function path(trial: LogTrial, index: number = 0): string {
  return join(trial.folder, trial.files[index] as string)
}

function flip(file: string, position: number): void {
  const bytes = readFileSync(file)
  bytes[position] = (bytes[position] as number) ^ 1
  writeFileSync(file, bytes)
}

/** Blocks of 88 bytes with one message each. */
function append(trial: LogTrial, ...letters: string[]): void {
  for (const value of letters) trial.append([{ value }])
}

test('a file that is too short is cut at its last whole block, and no offset is given twice', async () => {
  const trial = newTrial()
  append(trial, 'a', 'b', 'c', 'd')
  trial.commit()
  truncateSync(path(trial), 2 * 88 + 50)
  trial.crash()
  expect(trial.log.endOffset('read-committed')).toBe(4)
  expect(trial.warnings).toMatchObject([
    {
      topic: 'orders',
      partition: 0,
      lost: 2,
      from: 2,
      position: 2 * 88,
      why: 'its header is cut off',
      message: 'messages lost: the end of the log had not reached the disk',
    },
  ])
  expect(trial.append([{ value: 'e' }])).toBe(4)
  trial.commit()
  trial.crash()
  expect(await values(trial)).toEqual(['a', 'b', 'e'])
  // Whoever was further already goes on with what is new, and not behind it.
  for (const from of [3, 4]) expect(await values(trial, from)).toEqual(['e'])
  expect(trial.warnings).toHaveLength(1)
})

test('what was written behind a cut and not committed never happened', async () => {
  const trial = newTrial()
  append(trial, 'a', 'b')
  trial.commit()
  truncateSync(path(trial), 88)
  trial.crash({ isSuspect: true })
  append(trial, 'never')
  trial.crash()
  expect(await values(trial)).toEqual(['a'])
  append(trial, 'c')
  trial.commit()
  trial.crash({ isSuspect: true })
  expect(await values(trial)).toEqual(['a', 'c'])
})

test('files that went with metadata which the machine has lost take no offset with them', async () => {
  const trial = newTrial({ retention: { retentionMs: 1000 } })
  append(trial, 'a', 'b', 'c')
  trial.commit()
  const before = trial.stored
  trial.nowMs += 5000
  expect(await trial.log.expire(trial.nowMs)).toBe(true)
  trial.commit()
  await trial.filesOnce(0)
  trial.stored = before
  trial.crash({ isSuspect: true })
  expect(trial.append([{ value: 'd' }])).toBe(3)
  trial.commit()
  expect(await values(trial)).toEqual(['d'])
})

test('a last block that is not what was written is cut off, also without suspicion', async () => {
  const trial = newTrial()
  append(trial, 'a', 'b')
  trial.commit()
  flip(path(trial), 88 + 80)
  trial.crash()
  expect(await values(trial)).toEqual(['a'])
  expect(trial.warnings).toMatchObject([{ lost: 1, why: 'the checksum of its messages does not match' }])
})

test('a block in the middle is looked at only after the machine was down, and the log is cut there', async () => {
  const trial = newTrial()
  append(trial, 'a', 'b', 'c', 'd')
  trial.commit()
  flip(path(trial), 88 + 20)
  trial.crash()
  expect(trial.log.endOffset('read-committed')).toBe(4)
  expect(trial.warnings).toEqual([])
  trial.crash({ isSuspect: true })
  expect(await trial.read(0)).toMatchObject({ position: 4 })
  expect(trial.warnings).toMatchObject([{ lost: 3, from: 1, why: 'the checksum of its header does not match' }])
  expect(await values(trial)).toEqual(['a'])
})

test('a segment that was closed but had not reached the disk takes all later ones with it', async () => {
  const trial = newTrial({ segmentBytes: 200 })
  append(trial, 'a', 'b', 'c', 'd', 'e')
  trial.commit()
  expect(trial.stored.record?.unsynced).toEqual([
    [0, 176],
    [2, 176],
  ])
  truncateSync(path(trial, 1), 88)
  trial.crash({ isSuspect: true })
  expect(await values(trial)).toEqual(['a', 'b', 'c'])
  expect(trial.files).toHaveLength(2)
  expect(trial.warnings).toMatchObject([{ lost: 2, from: 3 }])
  rmSync(path(trial, 0))
  trial.crash({ isSuspect: true })
  expect(await values(trial)).toEqual([])
  expect(trial.warnings).toMatchObject([{}, { lost: 5, from: 0, why: 'the file is missing' }])
})

test('blocks of any size are looked at, and offsets that were dropped do not come back', async () => {
  const trial = newTrial()
  const large = 'x'.repeat(700_000)
  append(trial, large, 'a', large, large, 'b')
  trial.commit()
  trial.crash({ isSuspect: true })
  expect(await values(trial)).toEqual([large, 'a', large, large, 'b'])
  trial.log.trim(3)
  trial.commit()
  truncateSync(path(trial), 1_000_000)
  trial.crash({ isSuspect: true })
  expect([trial.log.startOffset(), trial.log.endOffset('read-committed')]).toEqual([3, 5])
  append(trial, 'c')
  trial.commit()
  expect(await values(trial, 3)).toEqual(['c'])
})

test('what is known to be on the disk is not looked at again', async () => {
  const trial = newTrial({ segmentBytes: 200 })
  append(trial, 'a', 'b', 'c')
  await trial.log.sync()
  trial.commit()
  expect(trial.stored.record?.unsynced).toEqual([])
  flip(path(trial, 0), 80)
  trial.crash({ isSuspect: true })
  expect(trial.log.endOffset('read-committed')).toBe(3)
  await expect(values(trial)).rejects.toThrow('is damaged')
})

test('files that the metadata do not know are removed', async () => {
  const trial = newTrial({ segmentBytes: 200 })
  append(trial, 'a', 'b')
  trial.commit()
  append(trial, 'c', 'd', 'e')
  expect(trial.files).toHaveLength(3)
  writeFileSync(join(trial.folder, '00000000000000000000.log.compacted'), 'half')
  trial.crash()
  expect(await values(trial)).toEqual(['a', 'b'])
  expect(trial.files).toEqual(['00000000000000000000.log'])
  append(trial, 'f', 'g')
  trial.commit()
  expect(await values(trial)).toEqual(['a', 'b', 'f', 'g'])
})

test('files of messages that have been dropped are removed', async () => {
  const trial = newTrial({ segmentBytes: 200 })
  append(trial, 'a', 'b', 'c', 'd', 'e')
  trial.commit()
  trial.log.trim(3)
  trial.stage()
  trial.crash()
  expect(await values(trial)).toEqual(['d', 'e'])
  expect(trial.files).toHaveLength(2)
  trial.log.trim(5)
  trial.commit()
  trial.crash()
  expect(trial.log.startOffset()).toBe(5)
  expect(trial.files).toEqual([])
  append(trial, 'f')
  trial.commit()
  expect(await values(trial)).toEqual(['f'])
})

test('what a write that failed has left behind is written over, and cut off at the end of a segment', async () => {
  const trial = newTrial({ segmentBytes: 300 })
  append(trial, 'a')
  trial.commit()
  appendFileSync(path(trial), Buffer.alloc(5000, 7))
  append(trial, 'b', 'c')
  trial.commit()
  expect(await values(trial)).toEqual(['a', 'b', 'c'])
  const first = path(trial)
  append(trial, 'd')
  trial.commit()
  expect(readFileSync(first)).toHaveLength(3 * 88)
  trial.crash({ isSuspect: true })
  expect(await values(trial)).toEqual(['a', 'b', 'c', 'd'])
})

test('transactions of what was lost end as the others do', async () => {
  const trial = newTrial()
  append(trial, 'a')
  trial.append([{ value: 'b' }], 5)
  trial.log.mark(5, false)
  trial.append([{ value: 'c' }], 6)
  trial.commit()
  truncateSync(path(trial), 2 * 88)
  trial.crash()
  expect(trial.log.endOffset('read-committed')).toBe(3)
  trial.log.mark(6, true)
  trial.commit()
  const { batches, position } = await trial.read(0)
  expect([batches.flatMap(messagesOf).map(({ value }) => value), position]).toEqual([['a'], 5])
})

test('a log that ends with a marker, or begins without a file, is as it was', async () => {
  const trial = newTrial({ segmentBytes: 88 })
  trial.log.mark(1, true)
  trial.commit()
  expect(existsSync(join(trial.folder, '00000000000000000000.log'))).toBe(false)
  trial.crash({ isSuspect: true })
  append(trial, 'a')
  trial.log.mark(1, true)
  trial.commit()
  trial.crash({ isSuspect: true })
  expect(await trial.read(0)).toMatchObject({ position: 3 })
  expect(trial.warnings).toEqual([])
})

test.for(Array.from({ length: 100 }, (_, seed) => seed))(
  'torn anywhere, the log is a beginning of what it was, seed %i',
  async seed => {
    const random = seededRandom(seed)
    const below = (limit: number): number => Math.floor(random.next() * limit)
    const trial = newTrial({ segmentBytes: 300 + below(600) })
    const written: string[] = []
    for (let block = 0; block < 12; block++) {
      const messages = Array.from({ length: 1 + below(4) }, (_, index) => ({ value: `${block}.${index}` }))
      written.push(...messages.map(({ value }) => value))
      trial.append(messages)
    }
    trial.commit()
    const last = path(trial, trial.files.length - 1)
    const size = readFileSync(last).length
    if (seed % 3 === 0) truncateSync(last, below(size))
    else if (seed % 3 === 1) flip(last, below(size))
    else {
      const bytes = readFileSync(last)
      writeFileSync(last, bytes.fill(0, below(size - 8)))
    }
    trial.crash({ isSuspect: true })
    expect(trial.log.endOffset('read-committed')).toBe(written.length)
    const end = Number(trial.warnings[0]?.['from'])
    expect(trial.warnings).toMatchObject([{ lost: written.length - end }])
    expect(await values(trial)).toEqual(written.slice(0, end))
    expect(trial.append([{ value: 'after' }])).toBe(written.length)
    trial.commit()
    trial.crash({ isSuspect: true })
    expect(await values(trial)).toEqual([...written.slice(0, end), 'after'])
  },
)
