import { sleep } from '../../lib/clock.js'
import type { TopicPartition } from '../../transport/transport.js'
import type { Link } from '../link.js'
import { missing, unknownTopicMs } from './route.js'

/**
 * Resolves when the metadata knows all of them. Brokers take what concerns the partitions that they know and drop the rest, so
 * that what must be done as a whole is not begun before. Throws `TransportError`; `what` opens its message.
 */
export async function requirePartitions(
  { cluster, context: { clock } }: Pick<Link, 'cluster' | 'context'>,
  partitions: readonly TopicPartition[],
  what: string,
): Promise<void> {
  const names = [...new Set(partitions.map(at => at.topic))]
  const endMs = clock.elapsed() + unknownTopicMs
  for (;;) {
    const topics = await cluster.topics(names)
    const unknown = partitions.find(at => topics.get(at.topic)?.partitions[at.partition] === undefined)
    if (unknown === undefined) return
    if (clock.elapsed() >= endMs) throw missing(what, unknown)
    await cluster.refresh()
    await sleep(clock, pauseMs, { kind: 'work' })
  }
}

const pauseMs = 50
