import { OptionError } from '../errors.js'
import { toMs, type Duration } from '../lib/duration.js'
import type { Placement } from '../message/record.js'
import type { Topic } from '../stream/contract.js'

/** What happens to an event that failed: made by `skip()`, `retry()`, `deadLetter()` and `crash()`. */
export interface ErrorPolicy {
  readonly policy: string
}

/** What happens to a message that cannot be decoded; a function is told, then the message is skipped. */
export type DecodePolicy = 'skip' | 'crash' | ErrorPolicy | ((error: Error, bytes: Uint8Array | null, at: Placement) => unknown)

/** The policies by kind, for those who apply them. */
export type KnownPolicy =
  | { readonly policy: 'skip' }
  | { readonly policy: 'crash' }
  | { readonly policy: 'dead-letter'; readonly topic: NamedTopic | undefined }
  | { readonly policy: 'retry'; readonly attempts: number; readonly backoffMs: number; readonly then: KnownPolicy }

type NamedTopic = Topic<unknown, unknown>

/** Counts and logs the failure; the event is settled and not processed again. The default. */
export function skip(): ErrorPolicy {
  return known({ policy: 'skip' })
}

/** Stops the worker and leaves the event unsettled. */
export function crash(): ErrorPolicy {
  return known({ policy: 'crash' })
}

/**
 * Writes the original key, value bytes and headers, with `__faust.errors.…` headers that say what happened, to `topic`, or
 * to `<topic>-dead-letters` with as many partitions as the source; then the event is settled.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- dead letters are bytes: any topic will do
export function deadLetter(topic?: Topic<any, any>): ErrorPolicy {
  return known({ policy: 'dead-letter', topic })
}

/**
 * Tries again, in order: the event's partition waits, others do not. `attempts` counts all tries, the first included;
 * the wait starts at `backoff` (100 ms) and doubles. Throws `OptionError`.
 */
export function retry(options: { attempts: number; backoff?: Duration; then?: ErrorPolicy }): ErrorPolicy {
  if (!Number.isInteger(options.attempts) || options.attempts < 1) {
    throw new OptionError(`retry({ attempts }) must be a whole number above 0, got ${String(options.attempts)}.`, {
      option: 'attempts',
    })
  }
  const then = knownPolicy(options.then ?? skip())
  const backoffMs = toMs(options.backoff ?? 100, 'retry({ backoff })')
  return known({ policy: 'retry', attempts: options.attempts, backoffMs, then })
}

/** Reads a policy; throws `OptionError` for what none of the four functions made. */
export function knownPolicy(policy: ErrorPolicy): KnownPolicy {
  const kinds: readonly string[] = ['skip', 'crash', 'dead-letter', 'retry']
  if (typeof policy === 'object' && policy !== null && kinds.includes(policy.policy)) return policy as KnownPolicy
  throw new OptionError('onError must be skip(), retry({…}), deadLetter() or crash().', { option: 'onError' })
}

function known(policy: KnownPolicy): ErrorPolicy {
  return policy
}
