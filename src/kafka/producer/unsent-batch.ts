import { ClosedError } from '../../errors.js'
import type { Outgoing, OutgoingBatch, TopicPartition } from '../../transport/transport.js'
import type { Closing, RecordWriter } from '../records/record-writer.js'

/** A batch that takes messages until it is closed, goes out once or several times, and is settled when its fate is known. */
export class UnsentBatch implements OutgoingBatch {
  readonly topic: string
  readonly partition: number
  /** On the monotonic clock. */
  readonly openedMs: number
  /** Bytes that it may have, head included. */
  readonly limit: number
  count = 0
  /** Bytes so far. */
  size = 0
  baseOffset = -1
  isSettled = false
  error: Error | null = null
  /** As it goes out, every time the same, so that the broker knows it again; `null` while it takes messages. */
  bytes: Buffer | null = null
  /** Others write with it once this batch is settled, so that whoever keeps the batch keeps no bytes. */
  #writer: RecordWriter | null
  #waiting: (() => void)[] | null = null

  constructor({ topic, partition }: TopicPartition, options: { writer: RecordWriter; openedMs: number; limit: number }) {
    this.topic = topic
    this.partition = partition
    this.openedMs = options.openedMs
    this.limit = options.limit
    this.#writer = options.writer
  }

  /** Copies a message; returns its bytes. Throws `EncodeError` for a timestamp that is none. */
  add(message: Outgoing): number {
    const writer = this.#open
    const before = this.size
    writer.append(message)
    this.count++
    this.size = writer.size
    return this.size - before
  }

  close(closing: Closing): void {
    this.bytes = this.#open.close(closing)
  }

  onSettled(run: () => void): void {
    if (this.isSettled) run()
    else (this.#waiting ??= []).push(run)
  }

  /** Gives back the writer, which nobody reads from any more. */
  settle(error: Error | null): RecordWriter {
    const writer = this.#open
    this.#writer = null
    this.bytes = null
    this.isSettled = true
    this.error = error
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting !== null) for (const run of waiting) run()
    return writer
  }

  get #open(): RecordWriter {
    if (this.#writer === null) throw new ClosedError('Cannot use a batch that is settled.')
    return this.#writer
  }
}
