import { AsyncLocalStorage } from 'node:async_hooks'
import type { Hands, InHand } from './hands.js'
import type { Held } from './lane.js'
import type { StreamQueue } from './queue.js'

/** Whoever runs a body: an actor or a task, as far as the code in its body may know. */
export interface BodyScope {
  /** The host (a worker) that it runs in. */
  readonly host: unknown
  readonly hands: Hands
  /** Hears of a request that an operator before a hop has dropped. */
  readonly onUnanswered: ((held: Held) => void) | null
  /** The queue that this body opened under that name, also in an earlier run of it. */
  claim(name: string, open: () => StreamQueue): StreamQueue
  /** Deals with a failure in a hop that this body's stream makes, as with one of its own. */
  hopFailed(error: unknown, held: readonly InHand[]): Promise<void>
}

/**
 * The one piece of ambient state: who is running. A scope makes it known across awaits; on Node 20 the first scope of a
 * process costs every promise of it, so scopes are opened only where something needs them. Without one it is known
 * while a body starts, up to its first `await`.
 */
let storage: AsyncLocalStorage<BodyScope> | null = null
let starting: BodyScope | null = null

export function currentBody(): BodyScope | null {
  return storage?.getStore() ?? starting
}

/** Runs the first step of a body. `isScoped` keeps the body known for all that follows from it. */
export function enterBody<Result>(body: BodyScope, isScoped: boolean, run: () => Result): Result {
  const before = starting
  starting = body
  try {
    if (!isScoped) return run()
    storage ??= new AsyncLocalStorage()
    return storage.run(body, run)
  } finally {
    starting = before
  }
}

/** Runs something as another body, which is known for as long as the current one would be. */
export function enterAs<Result>(body: BodyScope, run: () => Result): Result {
  return enterBody(body, storage?.getStore() !== undefined, run)
}

/** Runs something on nobody's behalf, whoever happens to call. */
export function leaveBody<Result>(run: () => Result): Result {
  const before = starting
  starting = null
  try {
    return storage === null ? run() : storage.exit(run)
  } finally {
    starting = before
  }
}
