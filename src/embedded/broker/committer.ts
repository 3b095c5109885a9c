import type { Clock } from '../../lib/clock.js'
import { Deferred } from '../../lib/deferred.js'
import { keyOf } from './keys.js'
import type { Metadata } from './metadata.js'

/** What changes in memory first, and is written when the commit that contains it begins. */
export interface Staged {
  /** Puts what has changed since the last time into the metadata. */
  stage(metadata: Metadata): void
  /** Gets onto the disk what lies outside of the metadata. */
  sync?(): Promise<void>
  /** What was staged the last time is committed. */
  publish?(): void
}

/** Runs after a commit, or with the error for which there was none. */
export type Committed = (error: Error | null) => void

/**
 * The commit point: changes gather until the end of the turn, and while a commit is under way the next ones do. Nobody hears
 * of a change before it is committed. A commit that fails is the last: nothing is known of the disk any more.
 */
export class Committer {
  readonly #metadata: Metadata
  readonly #clock: Clock
  readonly #failed = new Deferred<Error>()
  #error: Error | null = null
  #touched = new Set<Staged>()
  /** For the next commit. */
  #waiting: Committed[] = []
  /** For the commit that is under way. */
  #underWay: Committed[] | null = null
  #isScheduled = false
  #isDurable = false
  /** The next commit has to be on the disk. */
  #isSyncDue = false

  constructor(metadata: Metadata, clock: Clock) {
    this.#metadata = metadata
    this.#clock = clock
  }

  get failed(): Promise<Error> {
    return this.#failed.promise
  }

  get isBusy(): boolean {
    return this.#isScheduled || this.#underWay !== null
  }

  set(key: string, value: object | number | string): void {
    this.#metadata.set(key, value)
    this.#schedule()
  }

  delete(key: string): void {
    this.#metadata.delete(key)
    this.#schedule()
  }

  /** The next commit takes along what has changed here. */
  touch(staged: Staged): void {
    this.#touched.add(staged)
    this.#schedule()
  }

  /** What changes within `run` counts as committed only when it is on the disk. */
  durably(run: () => void): void {
    this.#isDurable = true
    try {
      run()
    } finally {
      this.#isDurable = false
    }
  }

  /** Runs once everything that has changed so far is committed, in the order of the calls; at once when it is. */
  after(run: Committed): void {
    if (this.#error !== null) run(this.#error)
    else if (this.#isScheduled) this.#waiting.push(run)
    else if (this.#underWay !== null) this.#underWay.push(run)
    else run(null)
  }

  /** Resolves when everything that has changed so far is committed. Throws `TransportError` when it cannot be. */
  committed(): Promise<void> {
    return new Promise((resolve, reject) => this.after(error => (error === null ? resolve() : reject(error))))
  }

  /** Resolves when everything that is committed, and has changed so far, is on the disk. Throws `TransportError`. */
  settled(): Promise<void> {
    this.durably(() => this.set(keyOf('broker', 'settled'), 1))
    return this.committed()
  }

  #schedule(): void {
    if (this.#isDurable) this.#isSyncDue = true
    if (this.#isScheduled || this.#error !== null) return
    this.#isScheduled = true
    if (this.#underWay === null) this.#clock.turn(() => void this.#run())
  }

  async #run(): Promise<void> {
    while (this.#isScheduled && this.#error === null) {
      const waiting = (this.#underWay = this.#waiting)
      this.#waiting = []
      this.#isScheduled = false
      try {
        await this.#commit()
      } catch (error) {
        this.#fail(error as Error)
      }
      // What is added meanwhile runs behind the others.
      for (const run of waiting) run(this.#error)
      this.#underWay = null
    }
  }

  async #commit(): Promise<void> {
    const touched = [...this.#touched]
    const isSynced = this.#isSyncDue
    this.#touched.clear()
    this.#isSyncDue = false
    for (const staged of touched) staged.stage(this.#metadata)
    // Before anything is awaited: what changes meanwhile belongs to the next commit with all of its parts.
    const changes = this.#metadata.take()
    if (isSynced) await Promise.all(touched.map(async staged => staged.sync?.()))
    await this.#metadata.commit(changes, { isSynced })
    for (const staged of touched) staged.publish?.()
  }

  #fail(error: Error): void {
    this.#error = error
    const waiting = this.#waiting
    this.#waiting = []
    this.#failed.resolve(error)
    for (const run of waiting) run(error)
  }
}
