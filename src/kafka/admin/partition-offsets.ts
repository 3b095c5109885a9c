import type { PartitionOffset, TopicPartition } from '../../transport/transport.js'
import { errorFor } from '../wire/error-codes.js'
import type { Link } from '../link.js'
import { requirePartitions } from '../cluster/partition-check.js'
import { listOffsets } from '../wire/offsets.js'

/** What to look up: a time in milliseconds since 1970, or `earliest` or `latest` of the protocol. */
export interface OffsetLookup {
  readonly timestamp: number
  readonly isReadCommitted: boolean
  /** Opens the message of an error. */
  readonly what: string
}

/** One for each partition, in their order; -1 where no message is that young. Throws `TransportError` rather than guess. */
export async function partitionOffsets(
  link: Pick<Link, 'cluster' | 'context'>,
  partitions: readonly TopicPartition[],
  { timestamp, isReadCommitted, what }: OffsetLookup,
): Promise<PartitionOffset[]> {
  const parts = partitions.map(({ topic, partition }) => ({ topic, partition, timestamp }))
  await requirePartitions(link, parts, what)
  const args = (own: typeof parts): { isReadCommitted: boolean; partitions: typeof parts } => ({
    isReadCommitted,
    partitions: own,
  })
  const answers = await link.cluster.atLeaders(listOffsets, parts, { what, args: own => args([...own]) })
  const failed = answers.find(part => part.errorCode !== 0)
  if (failed) throw errorFor(failed.errorCode, `${what}, "${failed.topic}"[${failed.partition}]`, { right: 'Describe' })
  const offsets = new Map(answers.map(part => [nameOf(part), part.offset]))
  return parts.map(at => ({ topic: at.topic, partition: at.partition, offset: offsets.get(nameOf(at)) ?? -1 }))
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
