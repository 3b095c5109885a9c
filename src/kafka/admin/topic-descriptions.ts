import type { TopicDescription } from '../../transport/transport.js'
import type { Cluster } from '../cluster/cluster.js'
import { errorCodes, errorFor } from '../wire/error-codes.js'
import { metadata, type TopicMetadata } from '../wire/cluster-apis.js'
import { describeConfigs, type TopicConfigs } from '../wire/configs.js'

/**
 * What the topics found are like. Throws `TransportError`, also where this user may not know; but if `onRefused` wants to hear
 * of such topics, they are left out.
 */
export async function describeTopics(
  cluster: Cluster,
  found: readonly FoundTopic[],
  onRefused?: (names: readonly string[]) => void,
): Promise<TopicDescription[]> {
  if (found.length === 0) return []
  const topics = found.map(topic => topic.name)
  const asking = { what: 'Cannot describe topics' }
  const answer = await cluster.atAny(describeConfigs, { topics, names: configNames }, asking)
  const configs = new Map(answer.topics.map(topic => [topic.topic, topic]))
  const isRefused = ({ name }: FoundTopic): boolean =>
    configs.get(name)?.errorCode === errorCodes.TOPIC_AUTHORIZATION_FAILED && onRefused !== undefined
  onRefused?.(found.filter(isRefused).map(({ name }) => name))
  return found.filter(topic => !isRefused(topic)).flatMap(topic => describe(topic, configs.get(topic.name)))
}

/** All topics, or something about each of those named, whether it exists or not. */
export async function askTopics(cluster: Cluster, names: readonly string[] | null): Promise<readonly TopicMetadata[]> {
  const topics = names?.map(name => ({ name })) ?? null
  return (await cluster.atAny(metadata, { topics }, { what: 'Cannot list topics' })).topics
}

/** Those that exist, sorted by name. */
export function existing(topics: readonly TopicMetadata[]): FoundTopic[] {
  const found = topics.flatMap(topic => (topic.errorCode === 0 && topic.name !== null ? { ...topic, name: topic.name } : []))
  return found.sort((left, right) => (left.name < right.name ? -1 : 1))
}

export interface FoundTopic extends TopicMetadata {
  readonly name: string
}

const configNames = ['cleanup.policy', 'retention.ms', 'retention.bytes']

/** Nothing where it has been deleted between the two questions. */
function describe({ name, id, partitions }: FoundTopic, answer: TopicConfigs | undefined): TopicDescription[] {
  const errorCode = answer?.errorCode ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  if (errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION) return []
  if (errorCode !== 0) {
    const refusal = { said: answer?.errorMessage, right: 'DescribeConfigs' } as const
    throw errorFor(errorCode, `Cannot describe the topic "${name}"`, refusal)
  }
  const configs = new Map(answer?.configs.map(config => [config.name, config.value]))
  const policies = configs.get('cleanup.policy')?.split(',') ?? []
  const number = (config: string): number => (policies.includes('delete') ? Number(configs.get(config) ?? -1) : -1)
  return [
    {
      name,
      id,
      partitions: partitions.length,
      replicas: partitions[0]?.replicas.length ?? 0,
      retentionMs: number('retention.ms'),
      retentionBytes: number('retention.bytes'),
      compacted: policies.includes('compact'),
    },
  ]
}
