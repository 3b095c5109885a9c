import { FencedError, TransportError, type FaustError } from '../../errors.js'
import { errorNames, type ErrorName } from './error-names.js'

/**
 * What to do about an error code: `again` = the same broker, a little later; `find-leader`, `find-coordinator` and
 * `find-controller` = another broker has taken over, or nobody yet: look again; `rejoin` = the group goes into another round;
 * `fenced` = somebody has taken over from us; `give-up` = it will be refused every time, or only the caller knows.
 */
export type Act = 'none' | 'again' | 'find-leader' | 'find-coordinator' | 'find-controller' | 'rejoin' | 'fenced' | 'give-up'

/** The number of each error code. */
export const errorCodes: Readonly<Record<ErrorName, number>> = Object.fromEntries(
  errorNames.map((name, code) => [name, code]),
) as Record<ErrorName, number>

/** What to do about an error code; one that nobody has heard of is given up. */
export function actOn(code: number): Act {
  if (code === 0) return 'none'
  const name = errorNames[code]
  return (name && acts[name]) ?? 'give-up'
}

/** `NOT_COORDINATOR`; a code without a name is `code 999`. */
export function nameOf(code: number): string {
  return code === -1 ? 'UNKNOWN_SERVER_ERROR' : (errorNames[code] ?? `code ${code}`)
}

/** Whether a code says what has happened. Others, `UNKNOWN_SERVER_ERROR` above all, leave open what the broker has done. */
export function isTelling(code: number): boolean {
  return errorNames[code] !== undefined
}

/** Whether the same request may be accepted later. */
export function isRetriable(code: number): boolean {
  return retriable.has(actOn(code))
}

/** What makes the error of a code more precise. */
export interface Refusal {
  /** What the broker had to add. */
  readonly said?: string | null | undefined
  /** Which right of access rules it takes, on the topic or the group that was refused. */
  readonly right?: Right
}

/** As Kafka's tools name them. */
export type Right = 'Read' | 'Write' | 'Create' | 'Delete' | 'Alter' | 'Describe' | 'DescribeConfigs'

/**
 * The error to throw for a code: a `FencedError` where another member or producer has taken over, else a `TransportError`.
 * `what` opens its message ("Cannot commit the offsets of group "orders"").
 */
export function errorFor(code: number, what: string, { said, right }: Refusal = {}): FaustError {
  const name = errorNames[code]
  const [why, usual] = (name && words[name]) ?? ['the broker refused']
  const thing = (name && guarded[name]) ?? null
  const remedy = thing !== null && right !== undefined ? `Grant it ${right} on the ${thing}.` : usual
  const message = [`${what}: ${why} (${nameOf(code)}${said ? `: ${said.replace(/[.\s]+$/, '')}` : ''}).`, remedy]
  const text = message.filter(part => part !== undefined).join(' ')
  if (fencing.has(code)) return new FencedError(text)
  return new TransportError(text, { retriable: isRetriable(code) })
}

const retriable: ReadonlySet<Act> = new Set<Act>(['again', 'find-leader', 'find-coordinator', 'find-controller'])

const acts: Readonly<Partial<Record<ErrorName, Act>>> = {
  CORRUPT_MESSAGE: 'again',
  UNKNOWN_TOPIC_OR_PARTITION: 'find-leader',
  LEADER_NOT_AVAILABLE: 'find-leader',
  NOT_LEADER_OR_FOLLOWER: 'find-leader',
  REQUEST_TIMED_OUT: 'again',
  REPLICA_NOT_AVAILABLE: 'find-leader',
  NETWORK_EXCEPTION: 'find-leader',
  COORDINATOR_LOAD_IN_PROGRESS: 'again',
  COORDINATOR_NOT_AVAILABLE: 'find-coordinator',
  NOT_COORDINATOR: 'find-coordinator',
  NOT_ENOUGH_REPLICAS: 'again',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'again',
  ILLEGAL_GENERATION: 'rejoin',
  UNKNOWN_MEMBER_ID: 'rejoin',
  REBALANCE_IN_PROGRESS: 'rejoin',
  NOT_CONTROLLER: 'find-controller',
  INVALID_PRODUCER_EPOCH: 'fenced',
  CONCURRENT_TRANSACTIONS: 'again',
  TRANSACTION_COORDINATOR_FENCED: 'fenced',
  KAFKA_STORAGE_ERROR: 'find-leader',
  FETCH_SESSION_ID_NOT_FOUND: 'again',
  INVALID_FETCH_SESSION_EPOCH: 'again',
  LISTENER_NOT_FOUND: 'find-leader',
  FENCED_LEADER_EPOCH: 'find-leader',
  UNKNOWN_LEADER_EPOCH: 'again',
  OFFSET_NOT_AVAILABLE: 'again',
  MEMBER_ID_REQUIRED: 'rejoin',
  PREFERRED_LEADER_NOT_AVAILABLE: 'find-leader',
  FENCED_INSTANCE_ID: 'fenced',
  ELIGIBLE_LEADERS_NOT_AVAILABLE: 'find-leader',
  UNSTABLE_OFFSET_COMMIT: 'again',
  THROTTLING_QUOTA_EXCEEDED: 'again',
  PRODUCER_FENCED: 'fenced',
  UNKNOWN_TOPIC_ID: 'find-leader',
  INCONSISTENT_TOPIC_ID: 'find-leader',
  FETCH_SESSION_TOPIC_ID_ERROR: 'again',
}

/** A member that has missed a round or is forgotten may join again, but what it holds is no longer its own. */
const fencing: ReadonlySet<number> = new Set(
  errorNames.flatMap((name, code) =>
    acts[name] === 'fenced' || name === 'ILLEGAL_GENERATION' || name === 'UNKNOWN_MEMBER_ID' ? [code] : [],
  ),
)

/** What access rules are about where the right alone does not say so. */
const guarded: Readonly<Partial<Record<ErrorName, string>>> = {
  TOPIC_AUTHORIZATION_FAILED: 'topic',
  GROUP_AUTHORIZATION_FAILED: 'group',
}

/** Why, and what to do where there is something to do. */
const words: Readonly<Partial<Record<ErrorName, readonly [string, string?]>>> = {
  OFFSET_OUT_OF_RANGE: ['the log has no such offset'],
  UNKNOWN_TOPIC_OR_PARTITION: ['the topic or partition does not exist', 'Create it, or correct the name.'],
  LEADER_NOT_AVAILABLE: ['a partition has no leader', 'Look whether brokers are missing.'],
  NOT_LEADER_OR_FOLLOWER: ['another broker has become the leader'],
  REQUEST_TIMED_OUT: ['the broker gave up waiting for others'],
  MESSAGE_TOO_LARGE: ['a message is too large', "Raise the topic's max.message.bytes, or send less."],
  RECORD_LIST_TOO_LARGE: ['a batch is larger than a segment of the log', "Raise the topic's segment.bytes, or send less."],
  COORDINATOR_LOAD_IN_PROGRESS: ['the coordinator is still loading'],
  COORDINATOR_NOT_AVAILABLE: ['there is no coordinator yet'],
  NOT_COORDINATOR: ['another broker has become the coordinator'],
  INVALID_TOPIC_EXCEPTION: ['the topic has a name that Kafka does not allow', 'Use letters, digits, ".", "_" and "-".'],
  NOT_ENOUGH_REPLICAS: ['too few replicas are in sync', 'Start the missing brokers, or lower min.insync.replicas.'],
  ILLEGAL_GENERATION: ['the group has gone into another round without this member'],
  INCONSISTENT_GROUP_PROTOCOL: ['the group has members that speak otherwise', 'Use another group id, or stop the others first.'],
  UNKNOWN_MEMBER_ID: ['the group has forgotten this member', 'Raise the session timeout if it was only slow.'],
  INVALID_SESSION_TIMEOUT: ['the session timeout is not within what the broker allows', 'See group.min/max.session.timeout.ms.'],
  REBALANCE_IN_PROGRESS: ['the group is in the middle of a round'],
  TOPIC_AUTHORIZATION_FAILED: ['this user may not do that with the topic', 'Grant the permission.'],
  GROUP_AUTHORIZATION_FAILED: ['this user may not use the group', 'Grant it Read on the group.'],
  CLUSTER_AUTHORIZATION_FAILED: [
    'this user may not do that with the cluster',
    'To send, it needs Write on a topic, or IdempotentWrite on the cluster.',
  ],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: [
    'this user may not use the transactional id',
    'Grant it Write on the transactional id.',
  ],
  INVALID_TIMESTAMP: ['a timestamp is out of what the broker accepts', 'See message.timestamp.before/after.max.ms.'],
  TOPIC_ALREADY_EXISTS: ['it exists already'],
  INVALID_REPLICATION_FACTOR: ['there are fewer brokers than replicas wanted', 'Ask for fewer replicas, or start more brokers.'],
  POLICY_VIOLATION: ['a policy of the broker forbids it'],
  INVALID_PRODUCER_EPOCH: ['a newer producer has the same transactional id'],
  INVALID_TRANSACTION_TIMEOUT: ['the transaction timeout is longer than the broker allows', 'See transaction.max.timeout.ms.'],
  CONCURRENT_TRANSACTIONS: ['the transaction before is still being ended'],
  UNKNOWN_PRODUCER_ID: ['the broker has forgotten this producer'],
  NON_EMPTY_GROUP: ['the group has members', 'Stop them, or wait until their sessions have ended.'],
  GROUP_ID_NOT_FOUND: ['there is no such group'],
  TOPIC_DELETION_DISABLED: ['the broker allows no topic to be deleted', 'Set delete.topic.enable on it.'],
  UNSUPPORTED_COMPRESSION_TYPE: ['the broker does not know the compression'],
  FENCED_INSTANCE_ID: ['another member has taken over this instance id', 'Give every worker an instance id of its own.'],
  GROUP_MAX_SIZE_REACHED: ['the group is full', 'Raise group.max.size on the brokers.'],
  INVALID_RECORD: ['a record does not pass the checks of the broker', 'A compacted topic takes no message without a key.'],
  UNSTABLE_OFFSET_COMMIT: ['a transaction holds the offsets'],
  PRODUCER_FENCED: ['a newer producer has the same transactional id'],
  UNKNOWN_TOPIC_ID: ['the topic has been deleted'],
  TRANSACTION_ABORTABLE: ['the transaction cannot go on', 'Abort it and begin another one.'],
}
