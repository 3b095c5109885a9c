import { exponential, type Backoff } from '../lib/backoff.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import type { Random } from '../lib/random.js'
import type { Partition } from './partition.js'

export interface UnreadableOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Reads on where the partition stands. */
  readonly again: (partition: Partition) => void
}

/** Partitions that the reader has given up although their log is there: each is tried again, later and later, and nothing is skipped. */
export class Unreadable {
  readonly #options: UnreadableOptions
  readonly #backoff: Backoff
  readonly #troubles = new Map<Partition, Trouble>()

  constructor(options: UnreadableOptions) {
    this.#options = options
    this.#backoff = exponential({ initialMs: 500, maxMs: 30_000, random: options.random })
  }

  /** The reader has given it up once more. */
  add(partition: Partition, error: Error): void {
    const before = this.#troubles.get(partition)
    before?.timer.cancel()
    const { position } = partition.ledger
    const isSame = before?.position === position && before.reason === error.message
    const attempts = isSame ? before.attempts + 1 : 1
    if (attempts % saidEvery === 1) this.#say(partition, error, attempts)
    const again = (): void => this.#options.again(partition)
    const timer = this.#options.clock.after(this.#backoff.delayMs(attempts), again, 'background')
    this.#troubles.set(partition, { attempts, position, reason: error.message, timer })
  }

  /** Its tenure is over. */
  forget(partition: Partition): void {
    this.#troubles.get(partition)?.timer.cancel()
    this.#troubles.delete(partition)
  }

  #say({ at: { topic, partition }, ledger }: Partition, error: Error, attempts: number): void {
    const facts = { error, topic, partition, position: ledger.position, attempts }
    const remedy = 'It is tried again, and nothing is skipped; other partitions go on'
    this.#options.log.error(facts, `Partition ${partition} of "${topic}" cannot be read: ${error.message} ${remedy}`)
  }
}

interface Trouble {
  readonly attempts: number
  /** Where the partition stood: what fails further on is another trouble. */
  readonly position: number
  readonly reason: string
  readonly timer: Timer
}

/** With the longest pauses about every ten minutes. */
const saidEvery = 20
