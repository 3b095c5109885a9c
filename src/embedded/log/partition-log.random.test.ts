import { afterEach, expect, test } from 'vitest'
import { type Random, seededRandom } from '../../lib/random.js'
import { messagesOf } from '../../testing/contract/messages.js'
import type { Isolation } from '../../transport/transport.js'
import { LogTrial } from './log-trial.js'

interface Message {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly transaction: number
}

/** What a log must hold, as plain as can be. Never changed: a change makes another one. */
interface Model {
  readonly start: number
  readonly end: number
  readonly messages: readonly Message[]
  readonly open: ReadonlyMap<number, number>
  readonly aborted: ReadonlySet<number>
}

const emptyModel: Model = { start: 0, end: 0, messages: [], open: new Map(), aborted: new Set() }

/** A log and, beside it, what must be in it: as written, as in the metadata, as readers see it. */
class Pair {
  readonly trial: LogTrial
  readonly random: Random
  written: Model = emptyModel
  stored: Model = emptyModel
  committed: Model = emptyModel
  #isStaged = false
  #before: { stored: LogTrial['stored']; model: Model } = { stored: { record: null, transactions: null }, model: emptyModel }
  #transaction = 0
  readonly #compacted: boolean
  readonly #scale: number

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.#compacted = seed % 2 === 0
    // Blocks that lie across what is read at a time.
    this.#scale = seed % 9 === 0 ? 500 : 1
    this.trial = new LogTrial({
      segmentBytes: (200 + this.below(1500)) * this.#scale,
      memoryBytes: [0, 700, 3000, 1_000_000][this.below(4)] as number,
      openFiles: 1 + this.below(4),
      compactionBytes: [100, 250, 100_000][this.below(3)] as number,
      retention: { compacted: this.#compacted },
    })
  }

  below(limit: number): number {
    return Math.floor(this.random.next() * limit)
  }

  append(): void {
    const { written } = this
    const transaction = [0, 0, ...written.open.keys()][this.below(2 + written.open.size)] as number
    const messages = Array.from({ length: 1 + this.below(5) }, (_, index) => ({
      offset: written.end + index,
      key: this.below(6) === 0 ? null : `key-${this.below(8)}`,
      value: this.below(5) === 0 ? null : 'v'.repeat(this.below(60) * this.#scale),
      timestamp: this.below(1000),
      transaction,
    }))
    expect(this.trial.append(messages, transaction)).toBe(written.end)
    const open = new Map(written.open)
    if (transaction !== 0 && open.get(transaction) === -1) open.set(transaction, written.end)
    this.written = { ...written, messages: [...written.messages, ...messages], end: written.end + messages.length, open }
  }

  /** The log hears of it when it writes. */
  begin(): void {
    if (this.written.open.size < 3)
      this.written = { ...this.written, open: new Map(this.written.open).set(++this.#transaction, -1) }
  }

  mark(): void {
    const { written } = this
    const transaction = [...written.open.keys()][this.below(written.open.size)]
    if (transaction === undefined) return
    const isCommit = this.below(2) === 0
    const open = new Map(written.open)
    open.delete(transaction)
    const aborted = new Set(written.aborted)
    if (!isCommit) aborted.add(transaction)
    this.trial.log.mark(transaction, isCommit)
    this.written = { ...written, end: written.end + 1, open, aborted }
  }

  trim(): void {
    const offset = this.written.start + this.below(this.written.end - this.written.start + 2)
    this.trial.log.trim(offset)
    const start = Math.max(this.written.start, Math.min(offset, this.committed.end))
    this.written = { ...this.written, start, messages: this.written.messages.filter(message => message.offset >= start) }
  }

  stage(): void {
    const { stored } = this.trial
    if (this.#isStaged || !this.trial.stage()) return
    this.#isStaged = true
    this.#before = { stored, model: this.stored }
    this.stored = this.written
  }

  publish(): void {
    if (!this.#isStaged) return
    this.trial.log.publish()
    this.#isStaged = false
    this.committed = this.stored
  }

  /** The metadata may not have got as far as to hold what was staged. */
  crash(isSuspect: boolean): void {
    if (this.#isStaged && this.below(2) === 0) {
      this.trial.stored = this.#before.stored
      this.stored = this.#before.model
    }
    this.trial.crash({ isSuspect })
    this.written = this.committed = this.stored
    this.#isStaged = false
  }

  async compact(): Promise<void> {
    this.publish()
    await this.trial.compact()
    // Up to the segment that is being written, or the first open transaction.
    const upTo = Math.min(stableEnd(this.written), this.trial.stored.record?.segment ?? 0)
    this.committed = this.stored = this.written = compacted(this.written, upTo)
    this.trial.commit()
  }

  close(): void {
    this.trial.close()
  }
}

function stableEnd({ open, end }: Model): number {
  return Math.min(end, ...[...open.values()].filter(first => first >= 0))
}

function compacted(model: Model, upTo: number): Model {
  const isSettled = ({ offset, transaction }: Message): boolean => offset < upTo && !model.aborted.has(transaction)
  const latest = new Map(model.messages.filter(isSettled).map(({ key, offset }) => [key, offset]))
  const isKept = (message: Message): boolean =>
    message.offset >= upTo || (isSettled(message) && (message.key === null || latest.get(message.key) === message.offset))
  return { ...model, messages: model.messages.filter(isKept) }
}

function visible(model: Model, from: number, isolation: Isolation): Omit<Message, 'transaction'>[] {
  const end = isolation === 'read-committed' ? Math.max(model.start, stableEnd(model)) : model.end
  return model.messages
    .filter(
      ({ offset, transaction }) =>
        offset >= from && offset < end && (isolation === 'read-uncommitted' || !model.aborted.has(transaction)),
    )
    .map(({ offset, key, value, timestamp }) => ({ offset, key, value, timestamp }))
}

async function check(trial: LogTrial, model: Model, random: Random): Promise<void> {
  expect(trial.log.startOffset()).toBe(model.start)
  expect(trial.log.endOffset('read-uncommitted')).toBe(model.end)
  expect(trial.log.endOffset('read-committed')).toBe(Math.max(model.start, stableEnd(model)))
  const from = model.start + Math.floor(random.next() * (model.end - model.start + 1))
  for (const isolation of ['read-committed', 'read-uncommitted'] as const) {
    const maxBytes = Math.floor(random.next() ** 4 * 500_000)
    const { batches, position } = await trial.read(from, { isolation, maxBytes })
    const seen = batches.flatMap(messagesOf).map(({ offset, key, value, timestamp }) => ({ offset, key, value, timestamp }))
    expect(seen).toEqual(visible(model, from, isolation))
    expect(position).toBe(Math.max(from, trial.log.endOffset(isolation)))
  }
  const timestamp = Math.floor(random.next() * 1100)
  const found = model.messages.find(message => message.timestamp >= timestamp)
  expect(await trial.log.offsetForTime(timestamp)).toBe(found?.offset ?? null)
}

const pairs: Pair[] = []

afterEach(() => {
  for (const pair of pairs.splice(0)) pair.close()
})

test.for(Array.from({ length: 200 }, (_, seed) => seed))(
  'a log is what was committed, whenever it is left, seed %i',
  async seed => {
    const pair = new Pair(seed)
    pairs.push(pair)
    for (let step = 0; step < 45; step++) {
      const chance = pair.below(100)
      if (chance < 45) pair.append()
      else if (chance < 50) pair.begin()
      else if (chance < 58) pair.mark()
      else if (chance < 73) pair.stage()
      else if (chance < 86) pair.publish()
      else if (chance < 89) pair.trim()
      else if (chance < 92) await pair.trial.log.sync()
      else if (chance < 95) pair.crash(chance === 93)
      else if (chance < 97) await pair.compact()
      else {
        const copy = pair.trial.copy()
        await check(copy, pair.stored, pair.random).finally(() => copy.close())
      }
      if (step % 9 === 8) await check(pair.trial, pair.committed, pair.random)
    }
    expect(pair.trial.warnings).toEqual([])
  },
)
