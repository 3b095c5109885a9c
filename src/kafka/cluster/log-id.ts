import type { LogPartition, PartitionOffset } from '../../transport/transport.js'
import type { CommitPart } from '../wire/offsets.js'
import type { Cluster } from './cluster.js'

/** An offset as it is committed: beside it stands of which log it is. */
export function withLogId(cluster: Pick<Cluster, 'id'>, { topic, partition, topicId, offset }: PartitionOffset): CommitPart {
  return { topic, partition, offset, ...(topicId !== undefined && { logId: `${topicId}@${cluster.id}` }) }
}

/**
 * The identity of the topic that an offset was committed with. One of another cluster says nothing here: mirroring tools carry
 * offsets over to a topic of their own, translated, together with what stands beside them.
 */
export function topicIdOf(cluster: Pick<Cluster, 'id'>, logId: string | undefined): Pick<LogPartition, 'topicId'> {
  const at = logId?.indexOf('@') ?? -1
  return logId !== undefined && at >= 0 && logId.slice(at + 1) === cluster.id ? { topicId: logId.slice(0, at) } : {}
}
