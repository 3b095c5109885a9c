import { OptionError, type DecodeError } from '../errors.js'
import { publish, traces } from '../lib/trace.js'
import { halting, unreadable } from '../stream/delivered.js'
import { sendDeadLetter } from './dead-letters.js'
import type { Host } from './host.js'
import { knownPolicy, type DecodePolicy } from './policy.js'
import type { MessagePlace } from './topic-columns.js'

/** Does with an unreadable message what its topic says; answers what takes the message's place. */
export type Refuse = (error: DecodeError, place: MessagePlace) => unknown

export function refuseBy(policy: DecodePolicy, host: Host): Refuse {
  const stop = (error: unknown): symbol => {
    host.fail(error)
    return halting
  }
  if (typeof policy === 'function') return (error, place) => ask(policy, { error, place }, stop)
  const known = typeof policy === 'string' ? knownPolicy({ policy }) : knownPolicy(policy)
  return (error, place) => {
    if (known.policy === 'crash') return stop(error)
    const { topic, partition, offset } = error
    host.log.warn({ topic, partition, offset }, error.message)
    publish(traces.decodeFailed, () => ({ error }))
    const to = known.policy === 'dead-letter' ? known.topic?.name : undefined
    if (known.policy === 'dead-letter') sendDeadLetter(host, { ...place, to }, { error, agent: '', attempts: 1 })
    return unreadable
  }
}

/** Throws `OptionError` for what no message can be treated by. */
export function checkDecodePolicy(policy: DecodePolicy): void {
  if (typeof policy === 'function') return
  const known = typeof policy === 'string' ? policy : knownPolicy(policy).policy
  if (['skip', 'crash', 'dead-letter'].includes(known)) return
  throw new OptionError(`onDecodeError must be 'skip', 'crash', deadLetter() or a function, got ${known}.`, {
    option: 'onDecodeError',
  })
}

type Told = Extract<DecodePolicy, (...args: never[]) => unknown>

function ask(tell: Told, told: { error: DecodeError; place: MessagePlace }, stop: (error: unknown) => symbol): unknown {
  const { topic, partition, offset } = told.error
  try {
    const answer = tell(told.error, valueBytes(told.place), { topic, partition, offset })
    if (answer instanceof Promise) return answer.then(() => unreadable, stop)
    return unreadable
  } catch (error) {
    return stop(error)
  }
}

function valueBytes({ batch, index }: MessagePlace): Buffer | null {
  const start = batch.valueStarts[index] as number
  return start < 0 ? null : Buffer.from(batch.buffer.subarray(start, batch.valueEnds[index]))
}
