import { join } from 'node:path'
import type { Clock } from '../../lib/clock.js'
import type { Logger } from '../../lib/log.js'
import type { Random } from '../../lib/random.js'
import type { TopicDescription } from '../../transport/transport.js'
import type { TransactionRecord } from '../log/log-record.js'
import { PartitionLog } from '../log/partition-log.js'
import type { Shelf } from '../log/shelf.js'
import { isDead as isProcessDead } from '../process-identity.js'
import type { Committer } from './committer.js'
import { type Kind, keyOf } from './keys.js'
import type { Metadata } from './metadata.js'
import type { Ownership } from './ownership.js'
import { Partition, type StoredLogRecord } from './partition.js'
import { BrokerState } from './state.js'

/** What a broker is made of before it knows anything. */
export interface Foundation {
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metadata: Metadata
  readonly shelf: Shelf
  readonly ownership: Ownership
  readonly committer: Committer
  /** Whether a client's process is dead for certain; the system is asked by default. */
  readonly isDead?: (process: string) => boolean
}

/** What the owners before have left. Throws `TransportError`. */
export async function load(foundation: Foundation): Promise<BrokerState> {
  const { directory, clock, random, log, metadata, committer, ownership, isDead = isProcessDead } = foundation
  const records: Records = {
    logs: await collect<StoredLogRecord>(metadata, 'log'),
    transactions: await collect<TransactionRecord>(metadata, 'transactions'),
  }
  const facts = { directory, epoch: ownership.epoch, clock, random, log, committer, isDead }
  const state = new BrokerState(facts, (topic, partition) => openPartition(foundation, records, { topic, partition }))
  for await (const [, description] of metadata.all<TopicDescription>('topic')) state.topics.restore(description)
  await state.transactionNumbers.load(metadata)
  await state.groups.load(metadata)
  await state.producers.load(metadata, ([topic, topicId, number]) => {
    const partition = state.topics.get(topic)?.logs[number]
    return partition?.topicId === topicId ? partition : undefined
  })
  return state
}

/** By key; each is taken out when its log is opened. */
interface Records {
  readonly logs: Map<string, StoredLogRecord>
  readonly transactions: Map<string, TransactionRecord>
}

async function collect<Value>(metadata: Metadata, kind: Kind): Promise<Map<string, Value>> {
  const found = new Map<string, Value>()
  for await (const [names, value] of metadata.all<Value>(kind)) found.set(keyOf(kind, ...names), value)
  return found
}

function openPartition(
  { directory, shelf, committer, ownership }: Foundation,
  records: Records,
  { topic, partition }: { topic: TopicDescription; partition: number },
): Partition {
  const record = take(records.logs, keyOf('log', topic.id, partition))
  const log = new PartitionLog({
    at: { topic: topic.name, partition },
    folder: join(directory, 'logs', topic.id, String(partition)),
    record,
    transactions: take(records.transactions, keyOf('transactions', topic.id, partition)),
    shelf,
    // What is only compacted keeps the last message of each key for ever.
    retention: topic.compacted
      ? { retentionMs: -1, retentionBytes: -1, compacted: true }
      : { retentionMs: topic.retentionMs, retentionBytes: topic.retentionBytes, compacted: false },
    isSuspect: record !== null && record.epoch < ownership.suspectBelow,
  })
  return new Partition(topic, log, { committer, epoch: ownership.epoch })
}

function take<Value>(values: Map<string, Value>, key: string): Value | null {
  const value = values.get(key) ?? null
  values.delete(key)
  return value
}
