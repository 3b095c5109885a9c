import { field, type RecordBatch } from './record-batch.js'
import { VarintCursor } from './varint.js'
import type { AbortedTransaction } from '../wire/fetch.js'

/**
 * Tells the batches of aborted transactions from others, within one answer: the broker lists every transaction that
 * reaches into it. Nothing is kept for the next one, where it could outlive a marker that compaction has removed.
 */
export class AbortedTransactions {
  /** Those that begin further on, the next one last. */
  readonly #ahead: AbortedTransaction[]
  /** Producers that are inside an aborted transaction. */
  readonly #inside = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#ahead = aborted.toSorted((a, b) => b.firstOffset - a.firstOffset)
  }

  /** Whether the messages of `batch` were aborted; to be asked of every batch in the order of offsets, markers included. */
  include(batch: RecordBatch, buffer: Buffer): boolean {
    this.#goTo(batch)
    if (batch.isControl && isAbortMarker(batch, buffer)) this.#inside.delete(batch.producerId)
    return batch.isTransactional && this.#inside.has(batch.producerId)
  }

  /** A producer may have several: each counts from its first message on, and not before. */
  #goTo(batch: RecordBatch): void {
    const ahead = this.#ahead
    for (let next = ahead.at(-1); next !== undefined && next.firstOffset < batch.nextOffset; next = ahead.at(-1)) {
      this.#inside.add(next.producerId)
      ahead.pop()
    }
  }
}

/** A marker's one record has a version and a type in its key: 0 aborts, 1 commits. */
function isAbortMarker(batch: RecordBatch, buffer: Buffer): boolean {
  const cursor = new VarintCursor().over(buffer, batch.start + field.records, batch.end)
  cursor.varint()
  cursor.skip(1)
  cursor.varlong()
  cursor.varint()
  const keyBytes = cursor.varint()
  return keyBytes >= 4 && cursor.at + 4 <= batch.end && buffer.readInt16BE(cursor.at + 2) === 0
}
