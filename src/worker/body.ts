import type { Host } from '../channel/host.js'
import { enterBody, type BodyScope } from '../stream/current-event.js'
import { Hands, type InHand } from '../stream/hands.js'
import type { StreamQueue } from '../stream/queue.js'

/** The body of a task: it may open streams, and what they have in hand is the task's. */
export class TaskBody implements BodyScope {
  readonly host: Host
  readonly name: string
  readonly hands: Hands = new Hands()
  readonly onUnanswered = null
  readonly #queues: StreamQueue[] = []

  constructor(host: Host, name: string) {
    this.host = host
    this.name = name
  }

  run(task: () => Promise<void>, isScoped: boolean): Promise<void> {
    return enterBody(this, isScoped, async () => {
      try {
        await task()
        this.hands.settleAll()
      } finally {
        // Nobody is left to read: other readers of its topics must not wait for it, nor must a revoke.
        this.end()
        for (const { lot, index } of this.hands.take()) lot.giveBack(index)
      }
    })
  }

  /** A task runs once: every call opens a queue of its own. */
  claim(_name: string, open: () => StreamQueue): StreamQueue {
    const queue = open()
    this.#queues.push(queue)
    return queue
  }

  /** A task has no error policy: its failure stops the worker, and nothing more goes through. */
  hopFailed(error: unknown, held: readonly InHand[]): Promise<void> {
    for (const { lot, index } of held) lot.giveBack(index)
    this.host.fail(error)
    this.end()
    return Promise.resolve()
  }

  end(): void {
    this.hands.end()
    for (const queue of this.#queues) queue.close()
  }
}
