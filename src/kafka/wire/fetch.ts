import type { Api, CodeAnswer } from './api.js'
import type { ByteReader } from './byte-reader.js'

export interface FetchArgs {
  /** How long the broker may wait for `minBytes`. */
  readonly maxWaitMs: number
  readonly minBytes: number
  /** Of the whole answer; the first batch comes whole, however large. */
  readonly maxBytes: number
  readonly isReadCommitted: boolean
  readonly topics: readonly FetchTopic[]
}

/** Every topic and every partition once: the broker answers a partition named twice in its own way. */
interface FetchTopic {
  /** Topics are fetched by identity, so that one created again under the old name fails instead of being read on. */
  readonly topicId: string
  readonly partitions: readonly FetchFrom[]
}

interface FetchFrom {
  readonly partition: number
  readonly offset: number
  /** As metadata has it, so that a leader that has not heard yet, or is none any more, refuses; -1 to leave that unchecked. */
  readonly leaderEpoch: number
  /** Of the last message that was read, so that a leader without it says where its log went another way; unchecked unless given. */
  readonly lastEpoch?: number
  readonly maxBytes: number
}

export interface FetchAnswer extends CodeAnswer {
  readonly topics: readonly { readonly topicId: string; readonly partitions: readonly FetchedPartition[] }[]
}

export interface FetchedPartition extends CodeAnswer {
  readonly partition: number
  /** -1 together with an error. */
  readonly highWatermark: number
  /** Below the high watermark while a transaction is open. */
  readonly lastStableOffset: number
  readonly logStartOffset: number
  /** When reading committed; `null` for none. Transactions may have begun before the offset asked for. */
  readonly aborted: readonly AbortedTransaction[] | null
  /** Whole batches and, at the end, perhaps a part of one. A view of the answer: it keeps all of it in memory. */
  readonly records: Buffer
  /** Where the log that was read and the leader's part: what was read from there on is lost. `null` when they agree. */
  readonly divergesAt: number | null
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** Without a session: each request names everything it wants. */
export const fetch: Api<FetchArgs, FetchAnswer> = {
  name: 'Fetch',
  key: 1,
  version: 17,
  write: (to, args) =>
    to
      .int32(args.maxWaitMs)
      .int32(args.minBytes)
      .int32(args.maxBytes)
      .int8(args.isReadCommitted ? 1 : 0)
      .int32(0)
      .int32(-1)
      .array(args.topics, ({ topicId, partitions }) =>
        to
          .uuid(topicId)
          .array(partitions, from =>
            to
              .int32(from.partition)
              .int32(from.leaderEpoch)
              .int64(from.offset)
              .int32(from.lastEpoch ?? -1)
              .int64(-1)
              .int32(from.maxBytes)
              .tags(),
          )
          .tags(),
      )
      .array([], () => to)
      .string('')
      .tags(),
  read: from => {
    from.int32()
    const errorCode = from.int16()
    from.int32()
    const topics = from.array(() => from.ended({ topicId: from.uuid(), partitions: from.array(() => readPartition(from)) }))
    return from.ended({ errorCode, topics })
  },
  codes: answer => [answer.errorCode, ...answer.topics.flatMap(topic => topic.partitions.map(partition => partition.errorCode))],
}

function readPartition(from: ByteReader): FetchedPartition {
  const fetched = {
    partition: from.int32(),
    errorCode: from.int16(),
    highWatermark: from.int64(),
    lastStableOffset: from.int64(),
    logStartOffset: from.int64(),
    aborted: readAborted(from),
  }
  // A replica that would rather be read from, which it offers to those who name their rack.
  from.int32()
  const records = from.bytes()
  let divergesAt: number | null = null
  from.tags((tag, field) => {
    if (tag === divergingEpoch) divergesAt = readEpochEnd(field)
  })
  return { ...fetched, records, divergesAt }
}

const divergingEpoch = 0

/** The last epoch that both logs have, and its end. */
function readEpochEnd(from: ByteReader): number {
  from.int32()
  return from.int64()
}

function readAborted(from: ByteReader): readonly AbortedTransaction[] | null {
  const aborted = from.array(() => from.ended({ producerId: from.int64(), firstOffset: from.int64() }))
  return aborted.length === 0 ? null : aborted
}
