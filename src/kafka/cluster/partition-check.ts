import { sleep } from '../../lib/clock.js'
import { topicDeleted } from '../../transport/reader-refusals.js'
import type { LogPartition } from '../../transport/transport.js'
import type { Topic } from './metadata.js'
import type { Link } from '../link.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'
import { missing, unknownTopicMs } from './route.js'

/**
 * Resolves when the metadata knows all of them. Brokers take what concerns the partitions that they know and drop the rest, so
 * that what must be done as a whole is not begun before. Throws `TransportError`; `what` opens its message. One that names the
 * identity of its topic has been there: where newer metadata does not have it, it is gone.
 */
export async function requirePartitions(
  { cluster, context: { clock } }: Pick<Link, 'cluster' | 'context'>,
  partitions: readonly LogPartition[],
  what: string,
): Promise<void> {
  const names = [...new Set(partitions.map(at => at.topic))]
  const endMs = clock.elapsed() + unknownTopicMs
  for (let isFirst = true; ; isFirst = false) {
    const topics = await cluster.topics(names)
    const unknown = partitions.filter(at => !isKnown(at, topics.get(at.topic)))
    const [first] = unknown
    if (first === undefined) return
    const hidden = [...topics.values()].find(topic => topic.errorCode === errorCodes.TOPIC_AUTHORIZATION_FAILED)
    if (hidden && !isFirst) throw errorFor(hidden.errorCode, `${what}, "${hidden.name}"`, { right: 'Describe' })
    const gone = isFirst ? undefined : unknown.find(({ topicId }) => topicId !== undefined)
    if (gone !== undefined) throw topicDeleted(gone, `${what}, "${gone.topic}"[${gone.partition}]`)
    if (clock.elapsed() >= endMs) throw missing(what, first)
    await cluster.refresh()
    await sleep(clock, pauseMs, { kind: 'work' })
  }
}

function isKnown({ partition, topicId }: LogPartition, topic: Topic | undefined): boolean {
  return topic?.partitions[partition] !== undefined && (topicId === undefined || topicId === topic.id)
}

const pauseMs = 50
