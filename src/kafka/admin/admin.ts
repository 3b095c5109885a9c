import { ClosedError } from '../../errors.js'
import type { Admin, Isolation, PartitionOffset, TopicDescription, TopicPartition, TopicSpec } from '../../transport/transport.js'
import { errorCodes, errorFor, type Right } from '../wire/error-codes.js'
import type { Link } from '../link.js'
import { requirePartitions } from '../cluster/partition-check.js'
import { earliest, latest } from '../wire/offsets.js'
import { createPartitions, createTopics, deleteRecords, deleteTopics, type TopicAnswer } from '../wire/topics.js'
import { groupOffsets, resetGroup } from './group-offsets.js'
import { HiddenTopics, refuseHidden } from './hidden-topics.js'
import { newTopic } from './new-topic.js'
import { partitionOffsets } from './partition-offsets.js'
import { seenEverywhere } from './seen-everywhere.js'
import { askTopics, describeTopics, existing } from './topic-descriptions.js'
import { TopicWatch } from './topic-watch.js'

/** Topics and offsets of a cluster. Ends with the cluster. */
export class KafkaAdmin implements Admin {
  readonly #link: Pick<Link, 'cluster' | 'context'>
  readonly #watch: TopicWatch
  readonly #hidden: HiddenTopics
  #isClosed = false

  constructor(link: Pick<Link, 'cluster' | 'context'>) {
    this.#link = link
    this.#watch = new TopicWatch(link)
    this.#hidden = new HiddenTopics(link.context.log)
  }

  async topics(names: readonly string[] | null = null): Promise<readonly TopicDescription[]> {
    if (names?.length === 0) return []
    const { cluster } = this.#link
    const topics = await askTopics(cluster, names)
    this.#hidden.report(topics)
    const found = existing(topics)
    if (names !== null) return describeTopics(cluster, found)
    const others = found.filter(topic => !topic.isInternal)
    return describeTopics(cluster, others, refused => this.#hidden.leaveOut(refused))
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    if (specs.length === 0) return
    const { cluster } = this.#link
    const what = 'Cannot create topics'
    const args = { topics: specs.map(newTopic), timeoutMs }
    const names = args.topics.map(topic => topic.name)
    // Whoever may create but not see one would wait for it in vain.
    refuseHidden(await askTopics(cluster, names))
    const answer = await cluster.atController(createTopics, args, { what })
    refuse(answer.topics, { what: 'Cannot create the topic', right: 'Create', fine: errorCodes.TOPIC_ALREADY_EXISTS })
    await seenEverywhere(this.#link, names, { what, isSeen: topic => topic?.partitions.every(part => part.leader >= 0) ?? false })
    // What is made from this connection finds them at once, also where there was none, or another one, before.
    const known = await cluster.topics(names)
    if (names.some(name => known.get(name)?.errorCode !== 0)) await cluster.refresh()
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    const { cluster } = this.#link
    const what = `Cannot add partitions to "${topic}"`
    const args = { topics: [{ name: topic, count: partitions }], timeoutMs }
    const answer = await cluster.atController(createPartitions, args, { what })
    if (!(await this.#hasAlready(answer.topics, topic, partitions)))
      refuse(answer.topics, { what: 'Cannot add partitions to the topic', right: 'Alter' })
    const hasAll = (found: readonly { leader: number }[]): boolean =>
      found.length >= partitions && found.every(part => part.leader >= 0)
    await seenEverywhere(this.#link, [topic], { what, isSeen: found => hasAll(found?.partitions ?? []) })
    await cluster.refresh()
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    const what = 'Cannot delete topics'
    const args = { names: [...new Set(names)], timeoutMs }
    const { cluster } = this.#link
    const answer = await cluster.atController(deleteTopics, args, { what })
    const isGone = errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    refuse(answer.topics, { what: 'Cannot delete the topic', right: 'Delete', fine: isGone })
    await seenEverywhere(this.#link, args.names, { what, isSeen: topic => topic === undefined })
    await cluster.refresh()
  }

  endOffsets(partitions: readonly TopicPartition[], isolation: Isolation): Promise<readonly PartitionOffset[]> {
    const what = 'Cannot learn the end offsets of partitions'
    return partitionOffsets(this.#link, partitions, { timestamp: latest, isReadCommitted: isolation === 'read-committed', what })
  }

  startOffsets(partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]> {
    const what = 'Cannot learn the first offsets of partitions'
    return partitionOffsets(this.#link, partitions, { timestamp: earliest, isReadCommitted: false, what })
  }

  async offsetsForTime(partitions: readonly TopicPartition[], timestamp: number): Promise<readonly PartitionOffset[]> {
    const what = 'Cannot look up a time in partitions'
    // What is below 0 means something else to a broker.
    const wanted = { timestamp: Math.max(0, timestamp), isReadCommitted: false, what }
    const offsets = await partitionOffsets(this.#link, partitions, wanted)
    return offsets.filter(({ offset }) => offset >= 0)
  }

  async deleteRecords(before: readonly PartitionOffset[]): Promise<void> {
    const what = 'Cannot delete messages'
    const parts = before.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
    await requirePartitions(this.#link, parts, what)
    const answers = await this.#link.cluster.atLeaders(deleteRecords, parts, {
      what,
      args: own => ({ partitions: own, timeoutMs }),
    })
    const failed = answers.find(part => part.errorCode !== 0)
    if (failed) throw errorFor(failed.errorCode, `${what} of "${failed.topic}"[${failed.partition}]`, { right: 'Delete' })
  }

  groupOffsets(groupId: string): Promise<readonly PartitionOffset[]> {
    return groupOffsets(this.#link.cluster, groupId)
  }

  async resetGroup(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    const copy = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
    await requirePartitions(this.#link, copy, `Cannot reset the group "${groupId}"`)
    await resetGroup(this.#link.cluster, groupId, copy)
  }

  watchTopics(changed: () => void): () => void {
    if (this.#isClosed) throw new ClosedError('Cannot watch topics: the connection is closed. Connect again.')
    return this.#watch.add(changed)
  }

  close(): void {
    this.#isClosed = true
    this.#watch.close()
  }

  /** It had them before, or an earlier attempt has made them and its answer was lost. */
  async #hasAlready(answers: readonly TopicAnswer[], name: string, partitions: number): Promise<boolean> {
    if (answers[0]?.errorCode !== errorCodes.INVALID_PARTITIONS) return false
    const [topic] = existing(await askTopics(this.#link.cluster, [name]))
    return topic?.partitions.length === partitions
  }
}

/** How long the controller may wait for what it has begun. */
const timeoutMs = 20_000

interface Request {
  /** Opens the message of an error, before the topic's name. */
  readonly what: string
  readonly right: Right
  /** A code that is no error here. */
  readonly fine?: number
}

function refuse(answers: readonly TopicAnswer[], { what, right, fine = 0 }: Request): void {
  const failed = answers.find(({ errorCode }) => errorCode !== 0 && errorCode !== fine)
  if (failed) throw errorFor(failed.errorCode, `${what} "${failed.name}"`, { said: failed.errorMessage, right })
}
