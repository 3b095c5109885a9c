import type { Outgoing, OutgoingBatch, TopicPartition } from '../../transport/transport.js'
import type { Closing, RecordWriter } from '../record-writer.js'

/** A batch that takes messages until it is closed, goes out once or several times, and is settled when its fate is known. */
export class UnsentBatch implements OutgoingBatch {
  readonly topic: string
  readonly partition: number
  /** On the monotonic clock. */
  readonly openedMs: number
  /** Bytes that it may have, head included. */
  readonly limit: number
  count = 0
  baseOffset = -1
  isSettled = false
  error: Error | null = null
  /** As it goes out, every time the same, so that the broker knows it again; `null` while it takes messages. */
  bytes: Buffer | null = null
  readonly #writer: RecordWriter
  #waiting: (() => void)[] | null = null

  constructor({ topic, partition }: TopicPartition, options: { writer: RecordWriter; openedMs: number; limit: number }) {
    this.topic = topic
    this.partition = partition
    this.openedMs = options.openedMs
    this.limit = options.limit
    this.#writer = options.writer
  }

  /** Bytes so far. */
  get size(): number {
    return this.#writer.size
  }

  /** Copies a message; returns its bytes. Throws `EncodeError` for a timestamp that is none. */
  add(message: Outgoing): number {
    const before = this.#writer.size
    this.#writer.append(message)
    this.count++
    return this.#writer.size - before
  }

  close(closing: Closing): void {
    this.bytes = this.#writer.close(closing)
  }

  onSettled(run: () => void): void {
    if (this.isSettled) run()
    else (this.#waiting ??= []).push(run)
  }

  /** Gives back the writer, which nobody reads from any more. */
  settle(error: Error | null): RecordWriter {
    this.bytes = null
    this.isSettled = true
    this.error = error
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting !== null) for (const run of waiting) run()
    return this.#writer
  }
}
