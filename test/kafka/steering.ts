// Moves what Kafka moves when it pleases, so that a test says when. Takes no client and no Java program.
import { setTimeout as sleep } from 'node:timers/promises'
import { readMetadata, type PartitionView } from '../../scripts/kafka/metadata.js'
import { ask, int16, int32, int8, list, text, type Api, type Fields } from '../../scripts/kafka/requests.js'

export interface Place {
  readonly topic: string
  readonly partition: number
}

export interface TopicWish {
  readonly name: string
  /** 1 unless said otherwise; -1 for as many as the cluster usually makes. */
  readonly partitions?: number
  /** As many as the cluster usually makes, unless said otherwise. */
  readonly replicas?: number
  readonly config?: Readonly<Record<string, string>>
}

/** What a coordinator looks after: groups, or transactional ids. */
export type Coordinated = 'group' | 'transaction'

const patienceMs = 30_000

/** Creates a topic; resolves when every partition has a leader. Here and below `bootstrap` is `host:port,…`. */
export async function createTopic(bootstrap: string, wish: TopicWish): Promise<void> {
  const { name, partitions = 1, replicas = -1, config = {} } = wish
  const settings = Object.entries(config).map(([key, value]) => Buffer.concat([text(key), text(value)]))
  const topic = Buffer.concat([text(name), int32(partitions), int16(replicas), list([]), list(settings)])
  const body = Buffer.concat([list([topic]), int32(patienceMs), int8(0)])
  const fields = await askAny(bootstrap, { key: 19, version: 4 }, body)
  fields.int32()
  const [result] = fields.list(() => ({ name: fields.text(), error: fields.int16(), why: fields.text() }))
  if (result?.error !== 0) throw new Error(`Cannot create "${name}": error ${result?.error}, ${result?.why}`)
  await eventually(`leaders of "${name}"`, async () => {
    const views = await partitionsOf(bootstrap, name)
    return views.length > 0 && views.every(({ leader }) => leader !== -1)
  })
}

/** What the cluster says of a topic's partitions, in their order; none when there is no such topic. */
export async function partitionsOf(bootstrap: string, topic: string): Promise<PartitionView[]> {
  const { partitions } = await anyOf(bootstrap, address => readMetadata(address, [topic]))
  return partitions.toSorted((a, b) => a.partition - b.partition)
}

/** Id of the node that leads a partition; -1 when none does. */
export async function leaderOf(bootstrap: string, { topic, partition }: Place): Promise<number> {
  return (await partitionsOf(bootstrap, topic))[partition]?.leader ?? -1
}

/** Makes `node` the leader of a partition, which moves there if it has no copy; resolves when it leads. */
export async function moveLeader(bootstrap: string, place: Place, node: number): Promise<void> {
  const { topic, partition } = place
  const replicas = (await partitionsOf(bootstrap, topic))[partition]?.replicas ?? []
  const wanted = [node, ...replicas.filter(id => id !== node)].slice(0, Math.max(1, replicas.length))
  await reassign(bootstrap, place, wanted)
  const election = Buffer.concat([int8(0), list([Buffer.concat([text(topic), list([int32(partition)])])]), int32(patienceMs)])
  await eventually(`node ${node} as leader of "${topic}"[${partition}]`, async () => {
    // An election may come too early (the copy is behind) or find nothing to do: only its result counts.
    await askAny(bootstrap, { key: 43, version: 1 }, election)
    return (await leaderOf(bootstrap, place)) === node
  })
}

/** Id of the node that coordinates a group or a transactional id. */
export async function coordinatorOf(bootstrap: string, name: string, kind: Coordinated = 'group'): Promise<number> {
  let node = -1
  await eventually(`a coordinator of ${kind} "${name}"`, async () => {
    const fields = await askAny(bootstrap, { key: 10, version: 1 }, Buffer.concat([text(name), int8(kind === 'group' ? 0 : 1)]))
    fields.int32()
    const error = fields.int16()
    fields.text()
    node = fields.int32()
    return error === 0
  })
  return node
}

/** Makes `node` the coordinator of a group or a transactional id, and of all that share its partition. */
export async function moveCoordinator(
  bootstrap: string,
  node: number,
  { name, kind = 'group' }: { readonly name: string; readonly kind?: Coordinated },
): Promise<void> {
  // The topic is made when somebody first asks.
  await coordinatorOf(bootstrap, name, kind)
  const topic = kind === 'group' ? '__consumer_offsets' : '__transaction_state'
  const { length } = await partitionsOf(bootstrap, topic)
  await moveLeader(bootstrap, { topic, partition: Math.abs(javaHash(name)) % length }, node)
  await eventually(`node ${node} as coordinator of "${name}"`, async () => (await coordinatorOf(bootstrap, name, kind)) === node)
}

/** Polls until `check` says so. Throws after half a minute; `what` names the thing in vain waited for. */
export async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`No ${what} after ${patienceMs / 1000} s.`)
    await sleep(50)
  }
}

/** AlterPartitionReassignments, which exists with tagged fields only. */
async function reassign(bootstrap: string, { topic, partition }: Place, replicas: readonly number[]): Promise<void> {
  const copies = Buffer.concat([int8(replicas.length + 1), ...replicas.map(int32)])
  const one = Buffer.concat([int8(2), int32(partition), copies, int8(0)])
  const name = Buffer.concat([int8(Buffer.byteLength(topic) + 1), Buffer.from(topic)])
  const body = Buffer.concat([int32(patienceMs), int8(2), name, one, int8(0), int8(0)])
  const fields = await askAny(bootstrap, { key: 45, version: 0, isFlexible: true }, body)
  fields.int32()
  const error = fields.int16()
  if (error !== 0) throw new Error(`Cannot move "${topic}"[${partition}] to ${replicas.join(', ')}: error ${error}`)
}

/** Java's `String.hashCode`, which picks the partition of a coordinator. */
function javaHash(name: string): number {
  let hash = 0
  for (let at = 0; at < name.length; at++) hash = (Math.imul(31, hash) + name.charCodeAt(at)) | 0
  return hash
}

const askAny = (bootstrap: string, api: Api, body: Buffer): Promise<Fields> =>
  anyOf(bootstrap, address => ask(address, api, body))

/** The answer of the first node that gives one. */
async function anyOf<Answer>(bootstrap: string, attempt: (address: string) => Promise<Answer>): Promise<Answer> {
  const failures: unknown[] = []
  for (const address of bootstrap.split(',')) {
    try {
      return await attempt(address)
    } catch (error) {
      failures.push(error)
    }
  }
  throw new AggregateError(failures, `No node of ${bootstrap} answers.`)
}
