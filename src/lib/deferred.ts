/** A promise that is settled from outside; settling it again does nothing. */
export class Deferred<T> {
  readonly promise: Promise<T>
  isSettled = false
  #resolve!: (value: T) => void
  #reject!: (error: unknown) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  resolve(value: T): void {
    this.isSettled = true
    this.#resolve(value)
  }

  reject(error: unknown): void {
    this.isSettled = true
    this.#reject(error)
  }
}
