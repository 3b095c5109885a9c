import { FencedError, TransportError } from '../../errors.js'
import type { PartitionOffset } from '../../transport/transport.js'
import type { Cluster } from '../cluster/cluster.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'
import { deleteGroups } from '../wire/groups.js'
import { offsetCommit, offsetFetch } from '../wire/offsets.js'

/** All that a group has committed, by topic and partition. Throws `TransportError`. */
export async function groupOffsets(cluster: Cluster, groupId: string): Promise<PartitionOffset[]> {
  const what = `Cannot read the offsets of the group "${groupId}"`
  const args = { groupId, partitions: null, requiresStable: false }
  const answer = await cluster.atCoordinator({ kind: 'group', key: groupId }, offsetFetch, { what, args })
  const failed = [answer, ...answer.partitions].find(part => part.errorCode !== 0)
  if (failed) throw errorFor(failed.errorCode, what, { right: 'Describe' })
  const committed = answer.partitions.filter(part => part.offset >= 0)
  const offsets = committed.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
  return offsets.sort((left, right) =>
    left.topic === right.topic ? left.partition - right.partition : left.topic < right.topic ? -1 : 1,
  )
}

/** Forgets a group without members, and commits these in its name. Throws `TransportError`, above all while it has some. */
export async function resetGroup(cluster: Cluster, groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
  const what = `Cannot reset the group "${groupId}"`
  const of = { kind: 'group', key: groupId } as const
  const { groups } = await cluster.atCoordinator(of, deleteGroups, { what, args: { groupIds: [groupId] } })
  for (const { errorCode } of groups)
    if (errorCode !== 0 && errorCode !== errorCodes.GROUP_ID_NOT_FOUND) throw errorFor(errorCode, what, { right: 'Delete' })
  if (offsets.length === 0) return
  const args = { groupId, generation: -1, memberId: '', instanceId: null, partitions: offsets }
  const { partitions } = await cluster.atCoordinator(of, offsetCommit, { what, args })
  const failed = partitions.find(part => part.errorCode !== 0)
  if (failed) throw asTransportError(errorFor(failed.errorCode, what, { right: 'Read' }))
}

/** Somebody has joined between the two requests: for us that is no fencing, we were no member. */
function asTransportError(error: Error): Error {
  if (!(error instanceof FencedError)) return error
  return new TransportError(error.message, { cause: error, retriable: false })
}
