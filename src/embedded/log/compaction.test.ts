import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import { nextTurn, systemClock } from '../../lib/clock.js'
import { seededRandom } from '../../lib/random.js'
import { messagesOf } from '../../testing/contract/messages.js'
import type { Isolation } from '../../transport/transport.js'
import { LogTrial } from './log-trial.js'

const trials: LogTrial[] = []

function newTrial(options: ConstructorParameters<typeof LogTrial>[0] = {}): LogTrial {
  const trial = new LogTrial({ memoryBytes: 0, retention: { compacted: true }, ...options })
  trials.push(trial)
  return trial
}

afterEach(() => {
  for (const trial of trials.splice(0)) trial.close()
})

/** `offset:key=value` of each message. */
async function contents(trial: LogTrial, isolation: Isolation = 'read-committed'): Promise<string[]> {
  const { batches } = await trial.read(0, { isolation })
  return batches.flatMap(messagesOf).map(({ offset, key, value }) => `${offset}:${key}=${value}`)
}

function write(trial: LogTrial, text: string, transaction: number = 0): void {
  const messages = text.split(' ').map(one => {
    const [key = '', value = ''] = one.split('=')
    return { key: key === '-' ? null : key, value: value === '' ? null : value }
  })
  trial.append(messages, transaction)
}

test('the last message of each key and those without one stay, at their offsets', async () => {
  const trial = newTrial()
  write(trial, 'a=1 b=1 -=x a=2')
  write(trial, 'a=3')
  write(trial, 'c=1 -=y')
  await trial.compact()
  trial.commit()
  expect(await contents(trial)).toEqual(['1:b=1', '2:null=x', '4:a=3', '5:c=1', '6:null=y'])
  expect(await trial.read(0)).toMatchObject({ position: 7 })
  trial.crash()
  expect(await contents(trial)).toEqual(['1:b=1', '2:null=x', '4:a=3', '5:c=1', '6:null=y'])
})

test('what an open transaction holds back stays, what was aborted goes and is forgotten', async () => {
  const trial = newTrial()
  write(trial, 'a=1 b=1')
  write(trial, 'a=2', 7)
  trial.log.mark(7, false)
  write(trial, 'b=2', 8)
  trial.log.mark(8, true)
  write(trial, 'b=3', 9)
  write(trial, 'b=4')
  await trial.compact()
  trial.commit()
  expect(await contents(trial, 'read-uncommitted')).toEqual(['0:a=1', '4:b=2', '6:b=3', '7:b=4'])
  expect(trial.stored.transactions).toEqual({ open: [[9, 6]], aborted: [] })
  trial.log.mark(9, false)
  await trial.compact()
  trial.commit()
  expect(await contents(trial)).toEqual(['0:a=1', '7:b=4'])
})

test('a tombstone stays for its time after it has become the only message of its key, then goes', async () => {
  const trial = newTrial({ tombstoneRetentionMs: 1000 })
  write(trial, 'a=1 b=1 a= -=')
  trial.nowMs += 5000
  await trial.compact()
  expect(await contents(trial)).toEqual(['1:b=1', '2:a=null', '3:null=null'])
  trial.nowMs += 999
  write(trial, 'c=1')
  await trial.compact()
  expect(await contents(trial)).toEqual(['1:b=1', '2:a=null', '3:null=null', '4:c=1'])
  trial.nowMs += 1
  write(trial, 'd=1 b=')
  await trial.compact()
  expect(await contents(trial)).toEqual(['3:null=null', '4:c=1', '5:d=1', '6:b=null'])
})

test('it is due when half of what is closed has come since the last time', async () => {
  const trial = newTrial({ segmentBytes: 250 })
  const isDue = (): boolean => trial.log.isCompactionDue()
  expect(isDue()).toBe(false)
  for (let round = 0; round < 8; round++) write(trial, `a${round}=1 b${round}=1`)
  await trial.log.sync()
  trial.commit()
  expect(isDue()).toBe(true)
  await trial.compact()
  trial.commit()
  expect(isDue()).toBe(false)
  for (let round = 0; round < 6; round++) write(trial, 'c=1 d=1')
  trial.commit()
  expect(isDue()).toBe(false)
  for (let round = 0; round < 4; round++) write(trial, 'c=1 d=1')
  await trial.log.sync()
  trial.commit()
  expect(isDue()).toBe(true)
  expect(newTrial({ retention: { compacted: false } }).log.isCompactionDue()).toBe(false)
})

test('it is not due for what an open transaction holds back', async () => {
  const trial = newTrial()
  write(trial, 'a=1 a=2')
  write(trial, 'a=3', 7)
  await trial.compact()
  trial.commit()
  expect(await contents(trial, 'read-uncommitted')).toEqual(['1:a=2', '2:a=3'])
  expect(trial.log.isCompactionDue()).toBe(false)
  trial.log.mark(7, true)
  trial.commit()
  expect(trial.log.isCompactionDue()).toBe(true)
})

test('segments that have become small become one', async () => {
  const trial = newTrial({ segmentBytes: 1000 })
  for (let round = 0; round < 60; round++) write(trial, 'a=1 b=1 c=1 d=1')
  await trial.compact()
  expect(trial.files.length).toBeGreaterThan(3)
  write(trial, 'a=2')
  await trial.compact()
  expect(trial.files).toHaveLength(1)
  expect(await contents(trial)).toEqual(['237:b=1', '238:c=1', '239:d=1', '240:a=2'])
})

test('a segment that cannot be trusted is left as it is', async () => {
  const trial = newTrial()
  write(trial, 'a=1')
  write(trial, 'a=2')
  trial.log.roll()
  await trial.log.sync()
  trial.commit()
  const path = join(trial.folder, trial.files[0] as string)
  const bytes = readFileSync(path)
  bytes[bytes.length - 7] = 0xff
  writeFileSync(path, bytes)
  const compaction = trial.log.compact(() => Promise.resolve())
  await expect(compaction).rejects.toThrow(/^Cannot read "orders"\[0\]@1: the block at byte 88 of .* is damaged/)
  expect(readFileSync(path)).toEqual(bytes)
  expect(trial.files).toHaveLength(1)
})

test('the metadata are on the disk before the first segment is replaced', async () => {
  const trial = newTrial()
  write(trial, 'a=1 a=2')
  trial.log.roll()
  await trial.log.sync()
  trial.commit()
  const failing = trial.log.compact(() => Promise.reject(new TransportError('Cannot commit.')))
  await expect(failing).rejects.toThrow('Cannot commit.')
  expect(await contents(trial)).toEqual(['0:a=1', '1:a=2'])
})

test('what a transaction has written that is about to end stays until its end is committed', async () => {
  const trial = newTrial()
  write(trial, 'a=1 a=2')
  write(trial, 'b=1', 7)
  trial.log.roll()
  await trial.log.sync()
  trial.commit()
  trial.log.mark(7, false)
  await trial.log.compact(() => Promise.resolve())
  trial.crash()
  expect(await contents(trial, 'read-uncommitted')).toEqual(['1:a=2', '2:b=1'])
})

test('a segment that a crash has left beside the one that took it up does no harm', async () => {
  const trial = newTrial({ segmentBytes: 1100 })
  for (let round = 0; round < 20; round++) write(trial, `a=1 a=2 a=3 a=4 b${round}=1`)
  await trial.compact()
  trial.commit()
  const path = join(trial.folder, trial.files[1] as string)
  const left = readFileSync(path)
  for (let round = 0; round < 20; round += 2) write(trial, `b${round}=2`)
  await trial.compact()
  trial.commit()
  expect(existsSync(path)).toBe(false)
  const all = await contents(trial)
  writeFileSync(path, left)
  trial.crash()
  expect(leastOf(await contents(trial))).toEqual(all)
  for (let from = 0; from < 110; from += 3) {
    const { batches } = await trial.read(from, { maxBytes: 1 })
    const offsets = batches.flatMap(({ offsets: column }) => [...column])
    expect(offsets).toEqual([...new Set(offsets)].sort((one, other) => one - other))
  }
  write(trial, 'c=1')
  await trial.compact()
  expect(await contents(trial)).toEqual([...all, '110:c=1'])
  const { batches } = await trial.read(0)
  const sizes = trial.files.map(name => readFileSync(join(trial.folder, name)).length)
  expect(sum(sizes)).toBe(sum(batches.map(({ buffer }) => buffer.length)))
  expect(existsSync(path)).toBe(false)
})

test('what is dropped meanwhile does not come back', async () => {
  const trial = newTrial({ segmentBytes: 200 })
  for (let round = 0; round < 40; round++) write(trial, `a=1 b${round}=1`)
  trial.log.roll()
  await trial.log.sync()
  trial.commit()
  let turns = 0
  trial.onTurn = () => {
    // In the middle of the second look at the segments.
    if (++turns !== 45) return
    trial.log.trim(70)
    trial.commit()
  }
  await trial.log.compact(() => Promise.resolve())
  expect(turns).toBeGreaterThan(44)
  await trial.compact()
  expect((await contents(trial))[0]).toBe('71:b35=1')
  const { length } = trial.files.filter(name => Number.parseInt(name, 10) >= 70)
  expect(await trial.filesOnce(length)).toHaveLength(length)
})

test('a log that is deleted meanwhile is not there again', async () => {
  const trial = newTrial({ segmentBytes: 200 })
  for (let round = 0; round < 40; round++) write(trial, 'a=1 b=1')
  trial.log.roll()
  await trial.log.sync()
  trial.commit()
  const compaction = trial.log.compact(() => Promise.resolve())
  await nextTurn(systemClock)
  await trial.log.delete()
  await compaction
  expect(() => trial.files).toThrow('ENOENT')
})

/** Rounds of writing to few keys, in transactions that are sometimes aborted. */
function fill(trial: LogTrial, seed: number): void {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random.next() * limit)
  for (let round = 1; round <= 25; round++) {
    const transaction = below(3) === 0 ? seed * 100 + round : 0
    const keys = Array.from({ length: 1 + below(4) }, () => (below(9) === 0 ? '-' : `k${below(6)}`))
    write(trial, keys.map(key => `${key}=${below(5) === 0 ? '' : round}`).join(' '), transaction)
    if (transaction !== 0) trial.log.mark(transaction, below(2) === 0)
    if (below(8) === 0) trial.log.roll()
  }
  trial.commit()
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}

/** What of `all` compaction would leave at the very least. */
function leastOf(all: readonly string[]): string[] {
  const latest = new Map(all.map(one => [keyOf(one), one]))
  return all.filter(one => keyOf(one) === 'null' || latest.get(keyOf(one)) === one)
}

function keyOf(one: string): string {
  return one.slice(one.indexOf(':') + 1, one.indexOf('='))
}

test.for(Array.from({ length: 14 }, (_, seed) => seed))(
  'whenever it is left, the log is merely less compacted, seed %i',
  async seed => {
    const trial = newTrial({ segmentBytes: 500 + seed * 40, compactionBytes: [300, 100_000][seed % 2] as number })
    fill(trial, seed)
    await trial.compact()
    trial.commit()
    fill(trial, seed + 1000)
    trial.log.roll()
    await trial.log.sync()
    trial.commit()
    const all = await contents(trial)
    const least = leastOf(all)
    let isDone = false
    const compaction = trial.log.compact(() => Promise.resolve()).finally(() => (isDone = true))
    const copies: LogTrial[] = []
    const random = seededRandom(seed)
    let wait = 0
    while (!isDone) {
      if (wait-- === 0) {
        copies.push(trial.copy())
        wait = Math.floor(random.next() * 2 ** copies.length)
      }
      await nextTurn(systemClock)
    }
    await compaction
    trials.push(...copies)
    expect(await contents(trial)).toEqual(least)
    for (const copy of copies) {
      const found = await contents(copy)
      expect(found).toEqual(all.filter(one => found.includes(one)))
      expect(leastOf(found)).toEqual(least)
      if (copy !== copies[seed % copies.length]) continue
      await copy.compact()
      expect(await contents(copy)).toEqual(least)
    }
  },
)

test.for(Array.from({ length: 5 }, (_, seed) => seed))('readers go on meanwhile, seed %i', async seed => {
  const trial = newTrial({ segmentBytes: 400, openFiles: 1 })
  fill(trial, seed)
  trial.log.roll()
  await trial.log.sync()
  trial.commit()
  const all = await contents(trial)
  const least = leastOf(all)
  let isDone = false
  const compaction = trial.log.compact(() => Promise.resolve()).finally(() => (isDone = true))
  const old = all.length
  while (!isDone) {
    write(trial, 'new=1')
    trial.commit()
    const { batches, position } = await trial.read(0, { maxBytes: 1 })
    const found = batches.flatMap(messagesOf).map(({ offset, key, value }) => `${offset}:${key}=${value}`)
    all.push(`${trial.log.endOffset('read-committed') - 1}:new=1`)
    expect(found).toEqual(all.filter(one => found.includes(one)))
    expect(found).toEqual(expect.arrayContaining([...least, ...all.slice(old)]))
    expect(position).toBe(trial.log.endOffset('read-committed'))
  }
  await compaction
})
