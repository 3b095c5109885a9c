import type { Headers } from '../message/record.js'
import type { Event } from './contract.js'
import type { Delivered } from './delivered.js'

/** An event, made from its place in a batch when somebody asks for it. */
export class StreamEvent implements Event<unknown, unknown> {
  readonly value: unknown
  readonly #lot: Delivered
  readonly #index: number
  readonly #isManual: boolean

  constructor(place: { lot: Delivered; index: number; isManual: boolean }, value: unknown) {
    this.value = value
    this.#lot = place.lot
    this.#index = place.index
    this.#isManual = place.isManual
  }

  get key(): unknown {
    return this.#lot.columns.key(this.#index)
  }

  get topic(): string {
    return this.#lot.columns.topic
  }

  get partition(): number {
    return this.#lot.columns.partition
  }

  get offset(): number {
    return this.#lot.columns.offset(this.#index)
  }

  get timestamp(): number {
    return this.#lot.columns.timestamp(this.#index)
  }

  get headers(): Headers {
    return this.#lot.columns.headers(this.#index)
  }

  settle(): void {
    if (this.#isManual) this.#lot.settle(this.#index)
  }
}
