import { errorCodes } from '../wire/error-codes.js'
import type { TopicPartition } from '../../transport/transport.js'
import type { Broker, MetadataAnswer, PartitionMetadata, TopicMetadata } from '../wire/cluster-apis.js'

/** A topic as the cluster last described it. */
export interface Topic {
  readonly name: string
  /** Another one once the topic has been deleted and created again. */
  readonly id: string
  /** `UNKNOWN_TOPIC_OR_PARTITION` and the like; 0 for a topic that is there. */
  readonly errorCode: number
  readonly isInternal: boolean
  /** By number; empty for a topic that is not there. */
  readonly partitions: readonly Partition[]
}

interface Partition {
  readonly errorCode: number
  /** Node id; -1 while there is none. */
  readonly leader: number
  /** Grows with each leader. */
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

/** Who leads a partition, and since when. */
export interface Leader {
  readonly nodeId: number
  readonly epoch: number
}

/** What is known of the cluster: its brokers, and the topics that somebody has asked for. */
export class Metadata {
  clusterId: string | null = null
  controllerId = -1
  #brokers: ReadonlyMap<number, Broker> = new Map()
  readonly #topics = new Map<string, Topic>()

  get brokers(): ReadonlyMap<number, Broker> {
    return this.#brokers
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  /** `null` while it is unknown or there is none. */
  leader({ topic, partition }: TopicPartition): Leader | null {
    const found = this.#topics.get(topic)?.partitions[partition]
    return found && found.leader >= 0 ? { nodeId: found.leader, epoch: found.leaderEpoch } : null
  }

  /** Why a partition has no leader, as an error code. */
  lack({ topic, partition }: TopicPartition): number {
    const found = this.#topics.get(topic)
    if (found && found.errorCode !== 0) return found.errorCode
    return found?.partitions[partition] ? errorCodes.LEADER_NOT_AVAILABLE : errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  }

  forget(name: string): void {
    this.#topics.delete(name)
  }

  /** Takes in what a broker answered; returns whether anything is other than before. */
  apply(answer: MetadataAnswer): boolean {
    const before = this.#shape()
    this.clusterId = answer.clusterId
    this.controllerId = answer.controllerId
    this.#brokers = new Map(answer.brokers.map(broker => [broker.nodeId, broker]))
    for (const topic of answer.topics) if (topic.name !== null) this.#topics.set(topic.name, this.#merged(topic.name, topic))
    return this.#shape() !== before
  }

  #merged(name: string, topic: TopicMetadata): Topic {
    const { id, errorCode, isInternal } = topic
    const known = this.#topics.get(name)
    const partitions: Partition[] = []
    for (const part of topic.partitions) {
      const older = known?.id === id ? known.partitions[part.partition] : undefined
      partitions[part.partition] = newer(part, older)
    }
    return { name, id, errorCode, isInternal, partitions }
  }

  #shape(): string {
    return JSON.stringify([this.controllerId, [...this.#brokers.values()], [...this.#topics.values()]])
  }
}

/** A broker that lags behind may name the leader of an earlier epoch: it is not believed. */
function newer(heard: PartitionMetadata, known: Partition | undefined): Partition {
  if (known !== undefined && heard.leaderEpoch >= 0 && heard.leaderEpoch < known.leaderEpoch) return known
  const { errorCode, leader, leaderEpoch, replicas, inSync } = heard
  return { errorCode, leader, leaderEpoch, replicas, inSync }
}
