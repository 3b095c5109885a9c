import { ClosedError, TransportError } from '../../errors.js'
import { sleep } from '../../lib/clock.js'
import type { Link } from '../link.js'
import { metadata, type TopicMetadata } from '../wire/cluster-apis.js'

/** What is to be seen of each topic; `undefined` for one that a broker does not know. */
export type Sight = (topic: TopicMetadata | undefined, name: string) => boolean

/**
 * Resolves when every broker that can be reached sees the topics like that: whoever is asked next may be any of them, and they
 * hear of changes one after the other. Throws `TransportError` when that takes too long; `what` opens its message.
 */
export async function seenEverywhere(
  { cluster, context: { clock } }: Pick<Link, 'cluster' | 'context'>,
  names: readonly string[],
  { what, isSeen }: { readonly what: string; readonly isSeen: Sight },
): Promise<void> {
  if (names.length === 0) return
  const endMs = clock.elapsed() + patienceMs
  const topics = names.map(name => ({ name }))
  const sees = async (nodeId: number): Promise<boolean> => {
    try {
      const answer = await cluster.connection(nodeId, 'control').send(metadata, { topics }, requestMs)
      const known = new Map(answer.topics.map(topic => [topic.name, topic.errorCode === 0 ? topic : undefined]))
      return names.every(name => isSeen(known.get(name), name))
    } catch (error) {
      if (error instanceof ClosedError) throw error
      return true
    }
  }
  for (;;) {
    const seen = await Promise.all(Array.from(cluster.brokers.keys(), sees))
    if (!seen.includes(false)) return
    if (clock.elapsed() > endMs)
      throw new TransportError(`${what}: it is done, but not all brokers know of it. Look whether they keep up.`)
    await sleep(clock, pauseMs, { kind: 'work' })
  }
}

/** Brokers hear of a change within milliseconds; one that does not is gone for the cluster, and so for us, after some 9 s. */
const patienceMs = 30_000
/** Who takes longer is passed over: it does not answer anybody else either. */
const requestMs = 5000
const pauseMs = 20
