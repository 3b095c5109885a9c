import { ask, type Fields, int8, list, text } from './requests.js'

/** A partition as a broker sees it. */
export interface PartitionView {
  readonly topic: string
  readonly partition: number
  /** Id of the node that leads it; -1 when none does. */
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

/** The cluster as one broker sees it. */
export interface ClusterView {
  /** Ids of the nodes that are up. */
  readonly nodes: readonly number[]
  readonly controller: number
  /** Of the topics asked for, those that exist. */
  readonly partitions: readonly PartitionView[]
}

/** Metadata of the topics named, from the broker at `address` (`host:port`). */
export async function readMetadata(address: string, topics: readonly string[] = []): Promise<ClusterView> {
  const fields = await ask(address, { key: 3, version: 4 }, Buffer.concat([list(topics.map(text)), int8(0)]))
  fields.int32()
  const nodes = fields.list(() => readNode(fields))
  fields.text()
  const controller = fields.int32()
  return { nodes, controller, partitions: fields.list(() => readTopic(fields)).flat() }
}

/** Whether the broker at `address` answers an ApiVersions request. */
export async function answers(address: string): Promise<boolean> {
  try {
    return (await ask(address, { key: 18, version: 0 }, Buffer.alloc(0))).int16() === 0
  } catch {
    return false
  }
}

function readNode(fields: Fields): number {
  const id = fields.int32()
  fields.text()
  fields.int32()
  fields.text()
  return id
}

function readTopic(fields: Fields): PartitionView[] {
  const error = fields.int16()
  const topic = fields.text()
  fields.int8()
  const partitions = fields.list(() => readPartition(fields, topic))
  return error === 0 ? partitions : []
}

function readPartition(fields: Fields, topic: string): PartitionView {
  fields.int16()
  const partition = fields.int32()
  const leader = fields.int32()
  const [replicas, inSync] = [fields.list(() => fields.int32()), fields.list(() => fields.int32())]
  return { topic, partition, leader, replicas, inSync }
}
