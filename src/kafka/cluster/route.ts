import { TransportError } from '../../errors.js'
import type { TopicPartition } from '../../transport/transport.js'
import type { Cluster } from './cluster.js'
import { actOn, errorCodes } from '../wire/error-codes.js'

/** Where requests about a partition go. */
export interface Route {
  readonly nodeId: number
  readonly leaderEpoch: number
  readonly topicId: string
}

/** As the metadata has it; or an error code where there is no way, which newer metadata may know. */
export function routeOf(cluster: Cluster, { topic, partition }: TopicPartition): Route | number {
  const known = cluster.topic(topic)
  if (known === undefined) return errorCodes.LEADER_NOT_AVAILABLE
  if (known.errorCode !== 0) return known.errorCode
  const found = known.partitions[partition]
  if (found === undefined) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  if (found.leader < 0) return errorCodes.LEADER_NOT_AVAILABLE
  return { nodeId: found.leader, leaderEpoch: found.leaderEpoch, topicId: known.id }
}

/** Whether newer metadata may help, or only time. */
export function isPassing(code: number): boolean {
  return passing.has(actOn(code))
}

const passing: ReadonlySet<string> = new Set(['again', 'find-leader', 'find-coordinator'])

/**
 * How long a topic may be unknown before it counts as missing: brokers hear of a new one only after whoever created it.
 * In milliseconds.
 */
export const unknownTopicMs = 3000

/** `what` opens the message. Retriable, as it is with other brokers: it may be created, and that it is gone is no refusal. */
export function missing(what: string, { topic, partition }: TopicPartition): TransportError {
  return new TransportError(`${what}: there is no partition ${partition} of "${topic}". Create it, or correct the name.`)
}
