import { AgentError, ClosedError } from '../errors.js'
import { deadLetterSuffix, sendDeadLetter, sendDeadLetterOf, type Failure } from '../channel/dead-letters.js'
import type { Host } from '../channel/host.js'
import type { KnownPolicy } from '../channel/policy.js'
import { TopicColumns } from '../channel/topic-columns.js'
import { AppTopic } from '../channel/topic.js'
import type { Timer } from '../lib/clock.js'
import { thrown } from '../lib/thrown.js'
import type { Topic } from '../stream/contract.js'
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
  readonly #waits = new Set<Timer>()
  #isStopped = false

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

  /** Work on them was broken off by no fault of theirs: they come again, here or elsewhere. */
  putBack(held: readonly InHand[]): void {
    for (const event of held) event.lot.returns?.putBack([event])
  }

  /** Nothing is tried again by this worker: what waits for it stays unsettled. */
  stop(): void {
    this.#isStopped = true
    for (const timer of this.#waits) timer.cancel()
    this.#waits.clear()
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
    if (this.#isStopped) return
    const unblock = (): void => {
      this.#waits.delete(timer)
      lane.unblock()
    }
    const timer = this.#host.clock.after(delayMs, unblock, 'work')
    this.#waits.add(timer)
  }

  #finish(event: InHand, failure: Failure): void {
    const policy = this.#policy.policy === 'retry' ? lastOf(this.#policy) : this.#policy
    if (!event.isAnswered) sendFailure(this.#host, event, { kind: 'error', ...thrown(failure.error) })
    switch (policy.policy) {
      case 'crash':
        event.lot.giveBack(event.index)
        this.#host.fail(this.#fatal(event, failure.error))
        return
      case 'dead-letter':
        return this.#bury(event, { failure, to: policy.topic })
      case 'skip':
        event.lot.settle(event.index)
        return
      default:
        policy satisfies never
    }
  }

  #bury(event: InHand, grave: { failure: Failure; to: Topic<unknown, unknown> | undefined }): void {
    const { lot, index } = event
    const { columns } = lot
    const { failure, to } = grave
    try {
      if (columns instanceof TopicColumns) {
        sendDeadLetter(this.#host, { batch: columns.batch, index, to: to?.name }, failure)
      } else {
        const topic = to instanceof AppTopic ? to : this.#host.topicNamed(columns.topic + deadLetterSuffix)
        sendDeadLetterOf(this.#host, { columns, index, to: topic }, failure)
      }
      lot.settle(index)
    } catch (error) {
      lot.giveBack(index)
      this.#host.fail(error)
    }
  }

  #fatal({ lot, index }: InHand, cause: unknown): AgentError {
    const { topic, partition } = lot.columns
    const at = partition < 0 ? `"${topic}"` : `"${topic}"[${partition}]@${lot.columns.offset(index)}`
    const { name, message } = thrown(cause)
    return new AgentError(
      `Agent "${this.#agent}" failed on ${at}: ${name}: ${message}. Its onError is crash(): the worker stops.`,
      {
        agent: this.#agent,
        cause,
      },
    )
  }
}

/** Whether that is how work ends that a stop breaks off; libraries throw an error of their own instead of the signal's reason. */
export function isCancellation(error: unknown, signal?: AbortSignal): boolean {
  if (signal?.aborted === true && error === signal.reason) return true
  return error instanceof ClosedError || (error instanceof Error && error.name === 'AbortError')
}

function lastOf(policy: KnownPolicy): Exclude<KnownPolicy, { policy: 'retry' }> {
  return policy.policy === 'retry' ? lastOf(policy.then) : policy
}
