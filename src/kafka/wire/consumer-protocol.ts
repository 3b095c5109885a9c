import type { Part } from './api.js'
import { byTopic } from './api.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'

/** What a member says of itself, in the form that brokers and lag tools read; ours travels in `userData`. */
export interface Subscription {
  readonly topics: readonly string[]
  readonly userData: Uint8Array
}

/** What a member is given, in the form that lag tools read; ours travels in `userData`. */
export interface Assignment {
  readonly partitions: readonly Part[]
  readonly userData: Uint8Array
}

const subscriptionVersion = 1
const assignmentVersion = 0

/** The metadata of JoinGroup. The broker parses it and never answers when it cannot. */
export function encodeSubscription({ topics, userData }: Subscription): Buffer {
  const to = new ByteWriter().int16(subscriptionVersion).int32(topics.length)
  for (const topic of topics) writeName(to, topic)
  return to.int32(userData.length).raw(userData).int32(0).toBuffer()
}

/** Throws `TransportError` for what is none; of later versions it reads the part that it knows. */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  const from = readerOf(bytes)
  const topics = Array.from({ length: from.int32() }, () => readName(from))
  return { topics, userData: from.raw(Math.max(0, from.int32())) }
}

/** The assignment of SyncGroup. */
export function encodeAssignment({ partitions, userData }: Assignment): Buffer {
  const topics = byTopic(partitions)
  const to = new ByteWriter().int16(assignmentVersion).int32(topics.length)
  for (const [topic, own] of topics) {
    writeName(to, topic).int32(own.length)
    for (const { partition } of own) to.int32(partition)
  }
  return to.int32(userData.length).raw(userData).toBuffer()
}

/** Throws `TransportError` for what is none. A member that was given nothing at all got no bytes. */
export function decodeAssignment(bytes: Uint8Array): Assignment {
  if (bytes.length === 0) return { partitions: [], userData: Buffer.alloc(0) }
  const from = readerOf(bytes)
  const partitions: Part[] = []
  for (let left = from.int32(); left > 0; left--) {
    const topic = readName(from)
    for (let count = from.int32(); count > 0; count--) partitions.push({ topic, partition: from.int32() })
  }
  return { partitions, userData: from.raw(Math.max(0, from.int32())) }
}

function readerOf(bytes: Uint8Array): ByteReader {
  const from = new ByteReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  from.int16()
  return from
}

function writeName(to: ByteWriter, name: string): ByteWriter {
  const bytes = Buffer.from(name)
  return to.int16(bytes.length).raw(bytes)
}

function readName(from: ByteReader): string {
  return from.raw(from.int16()).toString()
}
