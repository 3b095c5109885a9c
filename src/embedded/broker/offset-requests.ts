import { TransportError } from '../../errors.js'
import type { PartitionOffset, TopicPartition } from '../../transport/transport.js'
import type { HandlersOf } from './handler.js'
import type { Partition } from './partition.js'
import type { BrokerState } from './state.js'

/** What clients ask about the offsets of partitions. */
export const offsetRequests: HandlersOf<'endOffsets' | 'startOffsets' | 'offsetsForTime' | 'deleteRecords'> = {
  endOffsets({ partitions, isolation }, question, { state }) {
    const found = find(state, partitions, 'learn the end offset of')
    question.resolve(found.map(({ at, log }) => ({ ...at, offset: log.endOffset(isolation) })))
  },

  startOffsets({ partitions }, question, { state }) {
    const found = find(state, partitions, 'learn the first offset of')
    question.resolve(found.map(({ at, log }) => ({ ...at, offset: log.startOffset() })))
  },

  offsetsForTime({ partitions, timestamp }, question, { state }) {
    offsetsForTime(find(state, partitions, 'look up a time in'), timestamp).then(
      offsets => question.resolve(offsets),
      error => question.reject(error),
    )
  },

  deleteRecords({ before }, question, { state }) {
    const found = find(state, before, 'delete messages of')
    found.forEach((partition, index) => checkDeletion(partition, (before[index] as PartitionOffset).offset))
    found.forEach((partition, index) => partition.trim((before[index] as PartitionOffset).offset))
    question.resolve(null)
  },
}

function find(state: BrokerState, partitions: readonly TopicPartition[], what: string): Partition[] {
  return partitions.map(at => state.topics.log(at, what))
}

/** One partition after the other: each may have to be read from the disk. */
async function offsetsForTime(partitions: readonly Partition[], timestamp: number): Promise<PartitionOffset[]> {
  const offsets: PartitionOffset[] = []
  for (const { at, log } of partitions) {
    const offset = await log.offsetForTime(timestamp)
    if (offset !== null) offsets.push({ ...at, offset })
  }
  return offsets
}

/** Kafka refuses both as well. */
function checkDeletion({ at, log, isCompacted }: Partition, offset: number): void {
  const refuse = (why: string): TransportError =>
    new TransportError(`Cannot delete messages of "${at.topic}"[${at.partition}] below ${offset}: ${why}.`, { retriable: false })
  const end = log.endOffset('read-uncommitted')
  if (offset > end) throw refuse(`the log ends at ${end}. Name an offset within it`)
  if (isCompacted) throw refuse('the topic is compacted. Write tombstones, or delete the topic')
}
