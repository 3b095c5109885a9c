import { systemClock } from '../lib/clock.js'

/** The first signal asks for a stop, the next one for an end at once. */
export class StopSignals implements Disposable {
  #isCalled = false
  readonly #first: (signal: NodeJS.Signals) => void
  readonly #second: (signal: NodeJS.Signals) => void
  #receivedAt = -Infinity

  constructor(first: (signal: NodeJS.Signals) => void, second: (signal: NodeJS.Signals) => void) {
    this.#first = first
    this.#second = second
    for (const signal of signals) process.on(signal, this.#receive)
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#receive)
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    if (this.#isEcho()) return
    if (this.#isCalled) return this.#second(signal)
    this.#isCalled = true
    this.#first(signal)
  }

  /** npm hands on the Ctrl-C that the terminal has already sent to all. */
  #isEcho(): boolean {
    const last = this.#receivedAt
    this.#receivedAt = systemClock.elapsed()
    return process.env['npm_command'] !== undefined && this.#receivedAt - last < echoMs
  }
}

const echoMs = 100

const signals = ['SIGINT', 'SIGTERM'] as const
