import type { Timer } from '../../lib/clock.js'
import { thrown } from '../../lib/thrown.js'
import type { Link } from '../link.js'
import { askTopics, existing } from './topic-descriptions.js'

/** Looks at the cluster's topics from time to time, as long as somebody wants to know whether they change. */
export class TopicWatch {
  readonly #link: Pick<Link, 'cluster' | 'context'>
  readonly #watchers = new Set<() => void>()
  #seen: string | null = null
  #timer: Timer | null = null
  #isLooking = false

  constructor(link: Pick<Link, 'cluster' | 'context'>) {
    this.#link = link
  }

  /** Returns how to stop. */
  add(changed: () => void): () => void {
    const watcher = (): void => changed()
    this.#watchers.add(watcher)
    // What changed before the first look has not been seen by this one: it hears of it for safety.
    this.#seen = null
    void this.#look()
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0) this.#timer?.cancel()
    }
  }

  close(): void {
    this.#watchers.clear()
    this.#timer?.cancel()
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    const { cluster, context } = this.#link
    try {
      const topics = existing(await askTopics(cluster, null))
      this.#onSeen(JSON.stringify(topics.map(({ name, id, partitions }) => [name, id, partitions.length])))
    } catch (error) {
      context.log.debug({}, `The topics could not be looked at: ${thrown(error).message}`)
    }
    this.#isLooking = false
    this.#timer?.cancel()
    if (this.#watchers.size > 0) this.#timer = context.clock.after(pauseMs, () => void this.#look(), 'background')
  }

  #onSeen(seen: string): void {
    if (seen === this.#seen) return
    this.#seen = seen
    for (const watcher of [...this.#watchers]) if (this.#watchers.has(watcher)) watcher()
  }
}

const pauseMs = 3000
