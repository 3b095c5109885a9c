import { expect, test } from 'vitest'
import { type Random, seededRandom } from '../../lib/random.js'
import { messagesOf } from '../../testing/contract/messages.js'
import type { Isolation } from '../../transport/transport.js'
import { compact } from './compaction.js'
import { PartitionLog } from './log.js'
import { SlabBatch, OpenColumns, Slab } from './slab-batch.js'

interface Written {
  readonly offset: number
  readonly key: string
  transaction: { status: 'open' | 'committed' | 'aborted' } | null
}

/** A log and, beside it, what must be in it, as plain as can be. */
class Pair {
  readonly log = new PartitionLog({ topic: 'orders', partition: 0 }, { ms: -1, bytes: -1 })
  readonly open = new Set<{ status: 'open' | 'committed' | 'aborted' }>()
  written: Written[] = []
  readonly #slab = new Slab(1024 * 1024)
  readonly #random: Random
  #sequence = 0

  constructor(random: Random) {
    this.#random = random
  }

  below(limit: number): number {
    return Math.floor(this.#random.next() * limit)
  }

  append(): void {
    const transaction = [null, null, ...this.open][this.below(2 + this.open.size)] ?? null
    const batch = new SlabBatch({ topic: 'orders', partition: 0, sequence: this.#sequence++ }, this.#slab, new OpenColumns())
    for (let left = 1 + this.below(4); left > 0; left--) {
      const key = `key-${this.below(5)}`
      this.written.push({ offset: this.log.end + batch.count, key, transaction })
      const bytes = Buffer.from(key)
      batch.add({
        topic: 'orders',
        partition: 0,
        timestamp: 1,
        key: bytes,
        keyStart: 0,
        keyEnd: bytes.length,
        value: 'v',
        headers: null,
      })
    }
    this.log.append(batch, { producerId: 1, epoch: 0, transaction, nowMs: 1 })
  }

  end(): void {
    const [transaction] = this.open
    if (transaction === undefined) return
    this.open.delete(transaction)
    transaction.status = this.below(2) === 0 ? 'committed' : 'aborted'
    this.log.mark(transaction, 1)
  }

  /** What a reader at `from` must get. */
  visible(from: number, isolation: Isolation): number[] {
    const held = this.written.filter(({ transaction }) => transaction?.status === 'open').map(({ offset }) => offset)
    const end = isolation === 'read-committed' ? Math.min(Infinity, ...held) : Infinity
    const isVisible = ({ offset, transaction }: Written): boolean =>
      offset >= Math.max(from, this.log.start) &&
      offset < end &&
      (isolation === 'read-uncommitted' || transaction?.status !== 'aborted')
    return this.written.filter(isVisible).map(({ offset }) => offset)
  }

  read(from: number, isolation: Isolation): number[] {
    const offsets: number[] = []
    for (let position = from; ;) {
      const { batch, position: next } = this.log.read(position, isolation)
      if (batch === null) {
        expect(next).toBe(Math.max(position, this.log.endFor(isolation)))
        return offsets
      }
      expect(batch.nextOffset).toBe(next)
      offsets.push(...messagesOf(batch).map(({ offset }) => offset))
      position = next
    }
  }

  compact(): void {
    const end = this.log.endFor('read-committed')
    const settled = this.written.filter(({ offset, transaction }) => offset < end && transaction?.status !== 'aborted')
    const latest = new Map(settled.map(({ key, offset }) => [key, offset]))
    this.written = this.written.filter(({ offset, key }) => offset >= end || latest.get(key) === offset)
    compact(this.log)
  }
}

test.for(Array.from({ length: 60 }, (_, seed) => seed))('a log reads as written, seed %i', seed => {
  const pair = new Pair(seededRandom(seed))
  for (let step = 0; step < 120; step++) {
    const chance = pair.below(20)
    if (chance < 10) pair.append()
    else if (chance < 13 && pair.open.size < 3) pair.open.add({ status: 'open' })
    else if (chance < 17) pair.end()
    else if (chance === 17) pair.log.trim(Math.min(pair.log.endFor('read-committed'), pair.log.start + pair.below(5)))
    else if (chance === 18) pair.compact()
    const from = pair.log.start + pair.below(pair.log.end - pair.log.start + 1)
    for (const isolation of ['read-committed', 'read-uncommitted'] as const) {
      expect(pair.read(from, isolation)).toEqual(pair.visible(from, isolation))
    }
  }
})

test('a batch that is sent again is stored once', () => {
  const log = new PartitionLog({ topic: 'orders', partition: 0 }, { ms: -1, bytes: -1 })
  const slab = new Slab(1024)
  const batch = new SlabBatch({ topic: 'orders', partition: 0, sequence: 4 }, slab, new OpenColumns())
  batch.add({ topic: 'orders', partition: 0, timestamp: 1, key: null, keyStart: 0, keyEnd: 0, value: 'v', headers: null })
  const writer = { producerId: 7, epoch: 0, transaction: null, nowMs: 1 }
  expect([log.append(batch, writer), log.append(batch, writer), log.end]).toEqual([0, 0, 1])
  expect(log.append(batch, { ...writer, producerId: 8 })).toBe(1)
})
