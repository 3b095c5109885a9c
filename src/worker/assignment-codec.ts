import { TransportError } from '../errors.js'
import type { GroupMember, TopicPartition } from '../transport/transport.js'
import type { MemberAssignment } from './assignor.js'
import type { MemberState } from './member-state.js'

/** What the leader of a round tells a member, and what it made that from. */
export interface RoundAssignment extends MemberAssignment {
  /** Nobody in the group has anything to give up: no other round follows from this one. */
  readonly isSettled: boolean
  /** What the member subscribed to, sorted. */
  readonly topics: readonly string[]
  /** Partitions of every topic that somebody subscribes to; 0 for a topic that does not exist. */
  readonly counts: ReadonlyMap<string, number>
}

/** What a member says of itself, as bytes: JSON with sorted names. */
export function encodeMember(state: Omit<MemberState, 'memberId' | 'instanceId'>): Uint8Array {
  const { generation, topics, owned, held, wasLeader } = state
  return encode({ generation, held: grouped(held), owned: grouped(owned), topics: topics.toSorted(), version, wasLeader })
}

/** Throws TransportError, which names the member, for bytes that are not of `encodeMember` or of a later version. */
export function decodeMember({ memberId, instanceId, metadata }: GroupMember): MemberState {
  const read = decode(metadata, { memberId, what: 'what it says of itself' })
  return {
    memberId,
    instanceId,
    generation: read.number('generation'),
    topics: read.strings('topics'),
    owned: read.partitions('owned'),
    held: read.partitions('held'),
    wasLeader: read.boolean('wasLeader'),
  }
}

/** A member's assignment, as bytes: JSON with sorted names. */
export function encodeAssignment(assignment: RoundAssignment): Uint8Array {
  const { active, isLeader, isSettled, topics, counts } = assignment
  const sortedCounts = Object.fromEntries([...counts].sort(([left], [right]) => (left < right ? -1 : 1)))
  return encode({ active: grouped(active), counts: sortedCounts, isLeader, isSettled, topics: topics.toSorted(), version })
}

/** Throws TransportError, which names the member, for bytes that are not of `encodeAssignment` or of a later version. */
export function decodeAssignment(memberId: string, bytes: Uint8Array): RoundAssignment {
  const read = decode(bytes, { memberId, what: 'what it was assigned' })
  return {
    active: read.partitions('active'),
    isLeader: read.boolean('isLeader'),
    isSettled: read.boolean('isSettled'),
    topics: read.strings('topics'),
    counts: read.numbers('counts'),
  }
}

/** Fields may be added within a version, since readers pass over what they do not know; it changes when one changes its meaning. */
const version = 1

type Grouped = Record<string, readonly number[]>

function encode(fields: object): Uint8Array {
  return Buffer.from(JSON.stringify(fields))
}

function grouped(partitions: readonly TopicPartition[]): Grouped {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const numbers = byTopic.get(topic) ?? []
    byTopic.set(topic, numbers)
    numbers.push(partition)
  }
  const inOrder = [...byTopic].sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(inOrder.map(([topic, numbers]) => [topic, numbers.sort((left, right) => left - right)]))
}

/** Reads the fields of a JSON object, each with the type expected of it. */
interface FieldReader {
  number(name: string): number
  boolean(name: string): boolean
  strings(name: string): readonly string[]
  numbers(name: string): ReadonlyMap<string, number>
  partitions(name: string): readonly TopicPartition[]
}

function decode(bytes: Uint8Array, about: { memberId: string; what: string }): FieldReader {
  const unreadable = (why: string): TransportError =>
    new TransportError(
      `Cannot read of group member '${about.memberId}' ${about.what}: ${why}. ` +
        `All members of a group must be workers of one app, of releases that read version ${version}.`,
    )
  const fields = parse(bytes, unreadable)
  if (fields['version'] !== version) throw unreadable(`its version is ${JSON.stringify(fields['version'])}`)
  const read = <T>(name: string, is: (value: unknown) => value is T): T => {
    const value = fields[name]
    if (!is(value)) throw unreadable(`'${name}' is ${String(JSON.stringify(value)).slice(0, 80)}`)
    return value
  }
  return {
    number: name => read(name, isWhole),
    boolean: name => read(name, value => typeof value === 'boolean'),
    strings: name =>
      read(
        name,
        isListOf(value => typeof value === 'string'),
      ),
    numbers: name => new Map(Object.entries(read(name, isRecordOf(isWhole)))),
    partitions: name =>
      Object.entries(read(name, isRecordOf(isListOf(isWhole)))).flatMap(([topic, numbers]) =>
        numbers.map(partition => ({ topic, partition })),
      ),
  }
}

function parse(bytes: Uint8Array, unreadable: (why: string) => TransportError): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw unreadable(`its ${bytes.length} bytes are not JSON`)
  }
  if (!isObject(value)) throw unreadable('it is not an object')
  return value
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isListOf<T>(isItem: (item: unknown) => item is T): (value: unknown) => value is T[] {
  return (value): value is T[] => Array.isArray(value) && value.every(isItem)
}

function isRecordOf<T>(isField: (field: unknown) => field is T): (value: unknown) => value is Record<string, T> {
  return (value): value is Record<string, T> => isObject(value) && Object.values(value).every(isField)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
