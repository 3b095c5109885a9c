import { expect, test } from 'vitest'
import { seededRandom, type Random } from '../../lib/random.js'
import { batchOf, markerOf, noCompression } from './fake-batch.js'
import { field, RecordBatch, writeLong } from './record-batch.js'
import { RecordReader } from './record-reader.js'

/** A log that several producers have written to, in transactions and without. */
class RandomLog {
  readonly batches: RecordBatch[] = []
  readonly bytes: Buffer[] = []
  readonly aborted: { readonly producerId: number; readonly firstOffset: number; readonly markerAt: number }[] = []
  readonly #open = new Map<number, { firstOffset: number; messages: string[] }>()
  readonly #committed: string[] = []
  #end = 0

  constructor(random: Random, steps: number) {
    const below = (count: number): number => Math.floor(random.next() * count)
    for (let step = 0; step < steps; step++) {
      const producerId = below(5)
      const values = Array.from({ length: 1 + below(3) }, (_, index) => `${step}.${index}`)
      if (producerId === 0) this.#committed.push(...this.#append(batchOf(values), values))
      else if (below(3) > 0) this.#write(producerId, values)
      else this.#finish(producerId, below(2) === 0)
      // Compaction has taken what was there.
      if (below(5) === 0) this.#end += below(4)
    }
  }

  /** Nothing of an open transaction is behind it. */
  get lastStableOffset(): number {
    return Math.min(this.#end, ...Array.from(this.#open.values(), ({ firstOffset }) => firstOffset))
  }

  /** `offset value` of the messages that a reader of committed ones sees. */
  from(start: number): string[] {
    const offsetOf = (message: string): number => Number(message.split(' ')[0])
    const seen = this.#committed.filter(each => offsetOf(each) >= start && offsetOf(each) < this.lastStableOffset)
    return seen.sort((left, right) => offsetOf(left) - offsetOf(right))
  }

  #write(producerId: number, values: readonly string[]): void {
    const transaction = this.#open.get(producerId) ?? { firstOffset: this.#end, messages: [] }
    this.#open.set(producerId, transaction)
    transaction.messages.push(...this.#append(batchOf(values, { producerId }), values))
  }

  #finish(producerId: number, isCommitted: boolean): void {
    const transaction = this.#open.get(producerId)
    const markerAt = this.#end
    this.#append(markerOf(producerId, isCommitted ? 'commit' : 'abort'), [])
    this.#open.delete(producerId)
    if (transaction === undefined) return
    if (isCommitted) this.#committed.push(...transaction.messages)
    else this.aborted.push({ producerId, firstOffset: transaction.firstOffset, markerAt })
  }

  #append(bytes: Buffer, values: readonly string[]): string[] {
    writeLong(bytes, this.#end, field.baseOffset)
    const batch = new RecordBatch(bytes, 0, bytes.length)
    this.batches.push(batch)
    this.bytes.push(bytes)
    this.#end = batch.nextOffset
    return values.map((value, index) => `${batch.baseOffset + index} ${value}`)
  }
}

test.for(Array.from({ length: 100 }, (_, index) => index + 1))(
  'what was committed is read once, and nothing else, however it is cut into answers (seed %i)',
  seed => {
    const random = seededRandom(seed)
    const log = new RandomLog(random, 80)
    const start = Math.floor(random.next() * 5)
    const reader = new RecordReader({ topic: 't', partition: 0 }, start, { compression: noCompression, checksCrc: true })
    const read: string[] = []
    for (;;) {
      const from = reader.position
      const first = log.batches.findIndex(batch => batch.nextOffset > from)
      if (first < 0 || log.batches[first]!.baseOffset >= log.lastStableOffset) break
      const stable = log.batches.filter(batch => batch.baseOffset < log.lastStableOffset).length
      const last = Math.min(stable, first + 1 + Math.floor(random.next() * 8))
      const next = log.bytes[last]?.subarray(0, Math.floor(random.next() * 60)) ?? Buffer.alloc(0)
      const end = log.batches[last]?.baseOffset ?? Infinity
      reader.open({
        records: Buffer.concat([...log.bytes.slice(first, last), next]),
        aborted: log.aborted.filter(each => each.markerAt >= from && each.firstOffset < end),
      })
      for (let batch = reader.next(); batch !== null; batch = reader.next()) {
        const { buffer, offsets, valueStarts, valueEnds } = batch
        for (const [index, offset] of offsets.entries())
          read.push(`${offset} ${buffer.toString('utf8', valueStarts[index], valueEnds[index])}`)
      }
    }
    expect(read).toEqual(log.from(start))
  },
)
