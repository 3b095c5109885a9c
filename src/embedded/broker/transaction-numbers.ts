import type { Committer, Staged } from './committer.js'
import { keyOf } from './keys.js'
import type { Metadata } from './metadata.js'

/** A number for each transaction of a directory, whoever owns it: blocks carry it. */
export class TransactionNumbers implements Staged {
  readonly #committer: Committer
  #last = 0

  constructor(committer: Committer) {
    this.#committer = committer
  }

  async load(metadata: Metadata): Promise<void> {
    this.#last = (await metadata.get<number>(key)) ?? 0
  }

  next(): number {
    this.#committer.touch(this)
    return ++this.#last
  }

  stage(metadata: Metadata): void {
    metadata.set(key, this.#last)
  }
}

const key = keyOf('broker', 'transactions')
