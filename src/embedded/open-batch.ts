import type { Outgoing, OutgoingBatch, TopicPartition } from '../transport/transport.js'

/** A batch that takes messages until it is sent, and is settled when it is known what became of it. */
export abstract class OpenBatch implements OutgoingBatch {
  readonly topic: string
  readonly partition: number
  count = 0
  /** Bytes of its messages. */
  size = 0
  baseOffset = -1
  isSettled = false
  error: Error | null = null
  #waiting: (() => void)[] | null = null

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic
    this.partition = partition
  }

  /** Whether a message of at most so many bytes may be added. */
  abstract hasRoomFor(bytes: number): boolean

  /** Copies a message that there is room for; returns its bytes. */
  abstract add(message: Outgoing): number

  offsetAt(place: number): number {
    return this.baseOffset + place
  }

  errorAt(): Error | null {
    return this.error
  }

  onSettled(run: () => void): void {
    if (this.isSettled) run()
    else (this.#waiting ??= []).push(run)
  }

  settle(error: Error | null): void {
    if (this.isSettled) return
    this.isSettled = true
    this.error = error
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting !== null) for (const run of waiting) run()
  }
}
