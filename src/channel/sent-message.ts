import type { Placement } from '../message/record.js'
import type { LeftToCommit } from '../stream/awaited.js'
import type { Delivery } from '../stream/contract.js'
import type { OutgoingBatch } from '../transport/transport.js'

/** Keeps count of the messages that have failed and that somebody awaits. */
interface Claims {
  claim(batch: OutgoingBatch): void
}

/** One message on its way: a promise for whoever awaits it, and nothing but three fields for whoever does not. */
export class SentMessage implements Delivery, LeftToCommit {
  readonly #claims: Claims
  #batch: OutgoingBatch | null = null
  #index = 0
  #error: Error | null = null
  #promise: Promise<Placement> | null = null
  #placed: (() => void) | null = null

  constructor(claims: Claims) {
    this.#claims = claims
  }

  /** It is the last message of this batch so far. */
  place(batch: OutgoingBatch): void {
    this.#batch = batch
    this.#index = batch.count - 1
    this.#placed?.()
  }

  fail(error: Error): void {
    this.#error = error
    this.#placed?.()
  }

  get isLeftToCommit(): true {
    return true
  }

  get isAwaited(): boolean {
    return this.#promise !== null
  }

  then<Result = Placement, Other = never>(
    onSent?: ((placement: Placement) => Result | PromiseLike<Result>) | null,
    onFailed?: ((reason: unknown) => Other | PromiseLike<Other>) | null,
  ): Promise<Result | Other> {
    return this.#settled().then(onSent, onFailed)
  }

  catch<Other = never>(onRejected: (reason: unknown) => Other | PromiseLike<Other>): Promise<Placement | Other> {
    return this.#settled().catch(onRejected)
  }

  finally(onSettled: () => void): Promise<Placement> {
    return this.#settled().finally(onSettled)
  }

  #settled(): Promise<Placement> {
    if (this.#promise !== null) return this.#promise
    this.#promise = new Promise((resolve, reject) => {
      if (this.#batch !== null || this.#error !== null) this.#finish(resolve, reject)
      else this.#placed = () => this.#finish(resolve, reject)
    })
    return this.#promise
  }

  #finish(resolve: (placement: Placement) => void, reject: (reason: unknown) => void): void {
    const batch = this.#batch
    if (batch === null) return reject(this.#error)
    batch.onSettled(() => {
      const error = batch.error && batch.errorAt(this.#index)
      if (error === null) {
        resolve({ topic: batch.topic, partition: batch.partition, offset: batch.offsetAt(this.#index) })
      } else {
        this.#claims.claim(batch)
        reject(error)
      }
    })
  }
}
