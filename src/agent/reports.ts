import type { Host } from '../channel/host.js'
import { AgentError, RestartBudgetError } from '../errors.js'
import { formatMs } from '../lib/duration.js'
import { thrown } from '../lib/thrown.js'
import { publish, traces } from '../lib/trace.js'
import type { Held } from '../stream/lane.js'
import type { AppAgent } from './agent.js'

// What is said of an agent's actors, to the log and to those who trace.

/** An actor has failed, with these events in hand. */
export function reportFailure(
  { log }: Host,
  { name }: AppAgent,
  { error, held }: { readonly error: unknown; readonly held: readonly Held[] },
): void {
  const [first] = held
  const at = first === undefined ? {} : placeOf(first)
  log.error({ agent: name, ...at, error }, `Agent "${name}" failed: ${thrown(error).message}`)
  publish(traces.agentFailed, () => ({ agent: name, error, ...at }))
}

/** An actor has ended for good; so many events wait where it has read. */
export function reportEnd(
  { log }: Host,
  { name }: AppAgent,
  { queued, why }: { readonly queued: number; readonly why: string },
): void {
  const message = `An actor of agent "${name}" has ended: ${why}. It is not restarted; what it has not settled stays uncommitted.`
  log.warn({ agent: name, queued }, message)
  publish(traces.actorEnded, () => ({ agent: name, why }))
}

export function crashed({ name }: AppAgent, cause: unknown): AgentError {
  const why = thrown(cause)
  const message = `Agent "${name}" failed: ${why.name}: ${why.message}. Its supervisor is crashing(): the worker stops.`
  return new AgentError(message, { agent: name, cause })
}

export function budgetSpent({ name, settings }: AppAgent, cause: unknown): RestartBudgetError {
  const { restarts, withinMs } = settings.supervision
  const why = `more than ${restarts} restarts within ${formatMs(withinMs)}; the last failure: ${thrown(cause).message}`
  const message = `Agent "${name}" has spent its restart budget: ${why}. Fix the agent, or raise restarts.`
  return new RestartBudgetError(message, { agent: name, cause })
}

function placeOf({ lot, index }: Held): { topic: string; partition: number; offset: number } {
  const { columns } = lot
  return { topic: columns.topic, partition: columns.partition, offset: columns.offset(index) }
}
