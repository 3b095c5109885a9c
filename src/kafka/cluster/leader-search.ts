import type { FaustError } from '../../errors.js'
import type { Logger } from '../../lib/log.js'
import { thrown } from '../../lib/thrown.js'
import type { Cluster } from './cluster.js'

/** What the search is for, and who hears of its end. */
export interface LeaderSearchOptions<Item> {
  readonly cluster: Pick<Cluster, 'refresh'>
  readonly log: Logger
  /** The metadata is younger than the `add` of each; with a `failure` it is not, since it could not be had. */
  readonly onFound: (items: readonly Item[], failure: FaustError | null) => void
}

/**
 * Things that wait for newer metadata: their leader is unknown, has moved, or does not answer. The metadata is asked for
 * slower and slower, so whoever comes back at once has waited.
 */
export class LeaderSearch<Item> {
  readonly #options: LeaderSearchOptions<Item>
  readonly #waiting = new Set<Item>()
  #isSearching = false
  #isClosed = false

  constructor(options: LeaderSearchOptions<Item>) {
    this.#options = options
  }

  add(item: Item): void {
    this.#waiting.add(item)
    if (!this.#isSearching && !this.#isClosed) void this.#search()
  }

  /** Nobody is told anything any more. */
  close(): void {
    this.#isClosed = true
    this.#waiting.clear()
  }

  async #search(): Promise<void> {
    this.#isSearching = true
    while (this.#waiting.size > 0) {
      // What gets lost together is looked for together.
      await Promise.resolve()
      const items = [...this.#waiting]
      const failure = await this.#refresh()
      if (this.#isClosed) return
      for (const item of items) this.#waiting.delete(item)
      this.#options.onFound(items, failure)
    }
    this.#isSearching = false
  }

  async #refresh(): Promise<FaustError | null> {
    const { cluster, log } = this.#options
    try {
      await cluster.refresh()
      return null
    } catch (error) {
      log.debug({}, `The metadata could not be refreshed: ${thrown(error).message}`)
      return error as FaustError
    }
  }
}
