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
  /** What it was divided into. */
  #pieces: readonly UnsentBatch[] | null = null

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

  offsetAt(place: number): number {
    const [piece, own] = this.#find(place)
    return piece === this ? this.baseOffset + place : piece.offsetAt(own)
  }

  errorAt(place: number): Error | null {
    const [piece, own] = this.#find(place)
    return piece === this ? this.error : piece.errorAt(own)
  }

  onSettled(run: () => void): void {
    if (this.isSettled) run()
    else (this.#waiting ??= []).push(run)
  }

  /** Gives back the writer, which nobody reads from any more. */
  settle(error: Error | null): RecordWriter {
    const writer = this.#release()
    this.#end(error)
    return writer
  }

  /** Its messages are in these now, and it is settled when all of them are; gives back the writer as `settle` does. */
  divide(pieces: readonly UnsentBatch[]): RecordWriter {
    this.#pieces = pieces
    let left = pieces.length
    for (const piece of pieces) piece.onSettled(() => void (--left === 0 && this.#onPiecesSettled(pieces)))
    return this.#release()
  }

  #onPiecesSettled(pieces: readonly UnsentBatch[]): void {
    this.baseOffset = pieces[0]?.baseOffset ?? -1
    this.#end(pieces.find(({ error }) => error !== null)?.error ?? null)
  }

  #release(): RecordWriter {
    const writer = this.#open
    this.#writer = null
    this.bytes = null
    return writer
  }

  #end(error: Error | null): void {
    this.isSettled = true
    this.error = error
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting !== null) for (const run of waiting) run()
  }

  /** The batch that has a message by now, and its place there. */
  #find(place: number): [UnsentBatch, number] {
    let own = place
    for (const piece of this.#pieces ?? []) {
      if (own < piece.count) return [piece, own]
      own -= piece.count
    }
    return [this, place]
  }

  get #open(): RecordWriter {
    if (this.#writer === null) throw new ClosedError('Cannot use a batch that is settled.')
    return this.#writer
  }
}
