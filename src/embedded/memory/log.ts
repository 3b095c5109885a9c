import type { Batch, Isolation, TopicPartition } from '../../transport/transport.js'
import { endingAt, startingAt } from './batch.js'

/** One partition's messages, in immutable batches. */
export class PartitionLog {
  readonly topic: string
  readonly partition: number
  /** First offset that is still there. */
  start = 0
  /** Offset after the last message or marker. */
  end = 0
  /** Called after the log has changed in a way that readers wait for. */
  readonly listeners: Set<() => void> = new Set()
  isDeleted = false
  readonly #retention: Retention
  /** Bytes of all entries. */
  #bytes = 0
  /** First offset of each open transaction, lowest first. */
  readonly #open = new Map<Transaction, number>()
  readonly #lastStored = new Map<number, Stored>()
  #entries: Entry[] = []

  constructor(at: TopicPartition, retention: Retention) {
    this.topic = at.topic
    this.partition = at.partition
    this.#retention = retention
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }

  /** Where a reader's log ends: what an open transaction holds back is not there for those who read committed. */
  endFor(isolation: Isolation): number {
    if (isolation === 'read-uncommitted') return this.end
    for (const first of this.#open.values()) return first
    return this.end
  }

  /** Stores a batch once, however often it is sent; returns its first offset. */
  append(source: Unstored, writer: Writer): number {
    const last = this.#lastStored.get(writer.producerId)
    if (last?.epoch === writer.epoch && last.sequence >= source.sequence) return last.base
    const base = this.end
    const { transaction, nowMs } = writer
    const batch = source.seal(base)
    this.#push({ base, next: batch.nextOffset, batch, transaction, latestMs: latest(batch, nowMs) }, nowMs)
    this.#lastStored.set(writer.producerId, { epoch: writer.epoch, sequence: source.sequence, base })
    if (transaction !== null && !this.#open.has(transaction)) this.#open.set(transaction, base)
    this.#wake()
    return base
  }

  /** Ends a transaction in this partition: its marker takes an offset. */
  mark(transaction: Transaction, nowMs: number): void {
    this.#open.delete(transaction)
    this.#push({ base: this.end, next: this.end + 1, batch: null, transaction, latestMs: nowMs }, nowMs)
    this.#wake()
  }

  /** The next batch for a reader at `from`, if there is one, and where the reader stands afterwards: past markers and aborted messages. */
  read(from: number, isolation: Isolation): { batch: Batch | null; position: number } {
    const end = this.endFor(isolation)
    let position = from
    let batch: Batch | null = null
    for (let index = this.#indexOf(from); index < this.#entries.length; index++) {
      const entry = this.#entries[index] as Entry
      if (entry.base >= end) break
      const seen = visible(entry, isolation)
      const rest = seen && startingAt(seen, from)
      if (rest !== null && batch !== null) break
      batch ??= rest
      position = entry.next
    }
    return { batch: batch && endingAt(batch, position), position }
  }

  /** Drops what is below `offset`. */
  trim(offset: number): void {
    if (offset <= this.start) return
    this.start = offset
    for (const { batch } of this.#entries.splice(0, this.#indexOf(offset))) this.#bytes -= batch?.bytes ?? 0
    this.#wake()
  }

  /** Drops what has outlived the retention, and what is beyond its bytes. */
  expire(nowMs: number): void {
    const { ms, bytes } = this.#retention
    if (ms < 0 && bytes < 0) return
    let left = this.#bytes
    const kept = this.#entries.find(({ latestMs, batch }) => {
      left -= batch?.bytes ?? 0
      const isLate = ms >= 0 && latestMs < nowMs - ms
      const isBeyond = bytes >= 0 && left >= bytes
      return !isLate && !isBeyond
    })
    this.trim(Math.min(kept?.base ?? this.end, this.endFor('read-committed')))
  }

  /** Replaces batches by what `keep` leaves of them; offsets stay. */
  compact(keep: (entry: Entry) => Batch | null): void {
    this.#entries = this.#entries.map(entry => ({ ...entry, batch: keep(entry) }))
    this.#bytes = this.#entries.reduce((sum, { batch }) => sum + (batch?.bytes ?? 0), 0)
  }

  delete(): void {
    this.isDeleted = true
    this.#wake()
  }

  #push(entry: Entry, nowMs: number): void {
    this.#entries.push(entry)
    this.end = entry.next
    this.#bytes += entry.batch?.bytes ?? 0
    this.expire(nowMs)
  }

  #wake(): void {
    for (const listener of this.listeners) listener()
  }

  /** The first entry that reaches beyond `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[middle] as Entry).next <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** How long and how much of a log is kept; -1 for ever, without limit. */
export interface Retention {
  readonly ms: number
  readonly bytes: number
}

/** One stored batch, or a transaction's marker. */
export interface Entry {
  readonly base: number
  readonly next: number
  /** `null` for a marker, and where compaction has left nothing. */
  readonly batch: Batch | null
  readonly transaction: Transaction | null
  /** The latest of its timestamps and of when it was stored: nothing goes sooner than the retention after it came. */
  readonly latestMs: number
}

/** What partitions know of a transaction. */
export interface Transaction {
  readonly status: 'open' | 'committed' | 'aborted'
}

/** A batch on its way in. */
interface Unstored {
  readonly sequence: number
  seal(baseOffset: number): Batch
}

interface Writer {
  readonly producerId: number
  readonly epoch: number
  readonly transaction: Transaction | null
  readonly nowMs: number
}

interface Stored {
  readonly epoch: number
  readonly sequence: number
  readonly base: number
}

function visible(entry: Entry, isolation: Isolation): Batch | null {
  return isolation === 'read-committed' && entry.transaction?.status === 'aborted' ? null : entry.batch
}

function latest(batch: Batch, nowMs: number): number {
  let latestMs = nowMs
  for (let index = 0; index < batch.count; index++) latestMs = Math.max(latestMs, batch.timestamps[index] as number)
  return latestMs
}
