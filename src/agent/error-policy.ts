import { AgentError } from '../errors.js'
import { sendDeadLetter, type Failure } from '../channel/dead-letters.js'
import type { Host } from '../channel/host.js'
import type { KnownPolicy } from '../channel/policy.js'
import { TopicColumns } from '../channel/topic-columns.js'
import { deadLetterSuffix } from '../channel/dead-letters.js'
import type { Delivered } from '../stream/delivered.js'
import type { InHand } from '../stream/hands.js'
import { sendFailure } from './outlet.js'

const longestBackoffMs = 60_000

/** Applies an agent's error policy to the events that a failed actor had in hand. */
export class ErrorPolicies {
  readonly #agent: string
  readonly #host: Host
  readonly #policy: KnownPolicy
  /** Failed tries of events that will be tried again. */
  readonly #tries = new WeakMap<Delivered, Map<number, number>>()

  constructor(agent: string, policy: KnownPolicy, host: Host) {
    this.#agent = agent
    this.#policy = policy
    this.#host = host
  }

  /** Each event goes its own way: tries are counted per event, also of those that failed together in a batch. */
  apply(error: unknown, held: readonly InHand[]): void {
    const again = new Map<Delivered, { events: InHand[]; tries: number }>()
    for (const event of held) {
      const tries = this.#countTry(event)
      if (this.#policy.policy === 'retry' && tries < this.#policy.attempts) {
        const group = again.get(event.lot) ?? { events: [], tries }
        group.events.push(event)
        again.set(event.lot, group)
        continue
      }
      this.#tries.get(event.lot)?.delete(event.index)
      this.#finish(event, { error, agent: this.#agent, attempts: tries })
    }
    for (const [lot, { events, tries }] of again) this.#retry(lot, events, tries)
  }

  #countTry({ lot, index }: InHand): number {
    if (this.#policy.policy !== 'retry') return 1
    const tries = this.#tries.get(lot) ?? new Map<number, number>()
    this.#tries.set(lot, tries)
    const count = (tries.get(index) ?? 0) + 1
    tries.set(index, count)
    return count
  }

  /** In order: the lane waits with the event at its head, other lanes go on. */
  #retry(lot: Delivered, events: readonly InHand[], tries: number): void {
    const lane = lot.returns
    if (lane === null || this.#policy.policy !== 'retry') return
    const delayMs = Math.min(this.#policy.backoffMs * 2 ** (tries - 1), longestBackoffMs)
    lane.block()
    lane.putBack(events)
    this.#host.clock.after(delayMs, () => lane.unblock(), 'work')
  }

  #finish(event: InHand, failure: Failure): void {
    const policy = this.#policy.policy === 'retry' ? lastOf(this.#policy) : this.#policy
    if (!event.isAnswered) sendFailure(this.#host, event, { kind: 'error', ...described(failure.error) })
    switch (policy.policy) {
      case 'crash':
        event.lot.giveBack()
        this.#host.fail(this.#fatal(event, failure.error))
        return
      case 'dead-letter':
        this.#bury(event, { failure, to: policy.topic?.name })
        event.lot.settle(event.index)
        return
      case 'skip':
        event.lot.settle(event.index)
        return
      default:
        policy satisfies never
    }
  }

  #bury(event: InHand, grave: { failure: Failure; to: string | undefined }): void {
    const { columns } = event.lot
    if (columns instanceof TopicColumns) {
      sendDeadLetter(this.#host, { batch: columns.batch, index: event.index, to: grave.to }, grave.failure)
      return
    }
    const topic = this.#host.topicNamed(grave.to ?? columns.topic + deadLetterSuffix)
    this.#host.outbox.send(topic.letter(this.#host, columns.open()[event.index], { key: columns.key(event.index) }))
  }

  #fatal({ lot, index }: InHand, cause: unknown): AgentError {
    const { topic, partition } = lot.columns
    const at = partition < 0 ? `"${topic}"` : `"${topic}"[${partition}]@${lot.columns.offset(index)}`
    const { name, message } = described(cause)
    return new AgentError(`Agent "${this.#agent}" failed on ${at}: ${name}: ${message}. Its onError is crash(): the worker stops.`, {
      agent: this.#agent,
      cause,
    })
  }
}

/** The name and message of whatever was thrown. */
export function described(error: unknown): { name: string; message: string } {
  if (error instanceof Error) return { name: error.name, message: error.message }
  return { name: 'Error', message: String(error) }
}

function lastOf(policy: KnownPolicy): Exclude<KnownPolicy, { policy: 'retry' }> {
  return policy.policy === 'retry' ? lastOf(policy.then) : policy
}
