import { ClosedError, FencedError, SendError, TransportError } from '../errors.js'
import type { OutgoingBatch, TopicPartition } from './transport.js'

// What every driver's producer refuses, in the same words.

/** For an append, or the end of a transaction, when none is open. */
export function outsideTransaction(what: string): TransportError {
  return new TransportError(`Cannot ${what}: no transaction is open. Call begin() first.`, { retriable: false })
}

export function producerClosed(what: string): ClosedError {
  return new ClosedError(`Cannot ${what}: the producer is closed. Open another one.`)
}

/** For messages that had not been sent when their transaction was aborted. */
export function transactionAborted({ topic, partition }: TopicPartition): SendError {
  const message = `Did not send messages to "${topic}"[${partition}]: their transaction was aborted. Send them again.`
  return new SendError(message, { topic })
}

/** Throws `FencedError` or `SendError` if a batch of the transaction that is to be committed was not stored. */
export function requireStored(failed: OutgoingBatch | null): void {
  if (failed === null) return
  if (failed.error instanceof FencedError) throw failed.error
  const { topic, partition, error } = failed
  const why = error?.message ?? 'unknown'
  throw new SendError(
    `Cannot commit a transaction: its messages for "${topic}"[${partition}] were not stored (${why}). Abort it.`,
    { topic, cause: error },
  )
}
