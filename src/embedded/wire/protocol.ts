import type { Isolation, PartitionOffset, Start, TopicDescription, TopicPartition, TopicSpec } from '../../transport/transport.js'

/** Of the protocol on the socket; the processes of one directory must agree on it. */
export const protocolVersion = 1

/** What a frame on the socket holds. The payload is JSON unless said otherwise. */
export const frameKind = {
  /** Client: `Request`. Answered by `answer`, `refusal` or `blocks` with the same id. */
  request: 1,
  /** Client: `uint32` length of a `ProduceRequest` as JSON, the JSON, spaces up to a multiple of 8, then the blocks. */
  produce: 2,
  /** Client, without payload: the question with this id need not be answered any more. */
  cancel: 3,
  /** Broker: the answer to a request. */
  answer: 4,
  /** Broker: `WireError`. */
  refusal: 5,
  /** Broker, to `fetch`: `uint32` length of a `FetchAnswer` as JSON, the JSON, spaces up to a multiple of 8, then the blocks. */
  blocks: 6,
  /** Broker, of its own accord, id 0: `Notice`. */
  notice: 7,
} as const

/** An error on its way: revived as the class of `src/errors.ts` with this code. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly retriable: boolean
}

/** What the broker says without being asked. */
export type Notice =
  /** Join the group again. */
  | { readonly type: 'rebalance'; readonly groupId: string; readonly memberId: string }
  /** Topics have appeared, disappeared or gained partitions; to those who watch. */
  | { readonly type: 'topics' }

/**
 * Requests by type, each with its answer. All of them may be sent again after the connection broke: a second time they
 * change nothing and get the same answer.
 */
export interface Requests {
  hello: {
    /** `process`: the identity of the client's process, see `process-identity.ts`. */
    asks: { version: number; directory: string; clientId: string; process: string | null; fsync: boolean }
    gets: { epoch: number; version: number }
  }

  topics: { asks: { names: readonly string[] | null }; gets: readonly TopicDescription[] }
  createTopics: { asks: { specs: readonly TopicSpec[] }; gets: null }
  addPartitions: { asks: { topic: string; partitions: number }; gets: null }
  deleteTopics: { asks: { names: readonly string[] }; gets: null }
  watchTopics: { asks: { on: boolean }; gets: null }
  endOffsets: { asks: { partitions: readonly TopicPartition[]; isolation: Isolation }; gets: readonly PartitionOffset[] }
  startOffsets: { asks: { partitions: readonly TopicPartition[] }; gets: readonly PartitionOffset[] }
  offsetsForTime: { asks: { partitions: readonly TopicPartition[]; timestamp: number }; gets: readonly PartitionOffset[] }
  deleteRecords: { asks: { before: readonly PartitionOffset[] }; gets: null }
  groupOffsets: { asks: { groupId: string }; gets: readonly PartitionOffset[] }
  /** Refused with FAUST_TRANSPORT while the group has members. */
  resetGroup: { asks: { groupId: string; offsets: readonly PartitionOffset[] }; gets: null }

  openProducer: { asks: { transactionalId: string | null; transactionTimeoutMs: number }; gets: WriterId }
  closeProducer: { asks: { writer: WriterId }; gets: null }
  /** `transaction` counts the transactions of this producer from 1: the end of one that has ended already changes nothing. */
  endTransaction: {
    asks: {
      writer: WriterId
      transaction: number
      isCommit: boolean
      offsets: readonly PartitionOffset[]
      membership: (MemberStamp & { readonly groupId: string }) | null
    }
    gets: null
  }

  /** Answered when the round has everybody. */
  join: {
    asks: {
      groupId: string
      memberId: string
      instanceId: string | null
      isNew: boolean
      metadata: Base64
      sessionTimeoutMs: number
      rebalanceTimeoutMs: number
    }
    gets: { generation: number; isLeader: boolean; members: readonly WireMember[] | null }
  }
  /** Answered when the leader has assigned; `null` means that everybody has to join again. */
  sync: {
    asks: { groupId: string; stamp: MemberStamp; assignments: readonly (readonly [string, Base64])[] | null }
    gets: Base64 | null
  }
  /** `true`: join again. A member that has been replaced by its instance id is told so by `replaced`. */
  heartbeat: { asks: { groupId: string; stamp: MemberStamp }; gets: boolean }
  leave: { asks: { groupId: string; memberId: string }; gets: null }
  commit: { asks: { groupId: string; stamp: MemberStamp; offsets: readonly PartitionOffset[] }; gets: null }
  /** Answered when no open transaction is about to change one of them. */
  committed: { asks: { groupId: string; partitions: readonly TopicPartition[] }; gets: readonly PartitionOffset[] }

  /**
   * Answered by a frame `blocks` as soon as there is a block at or after `from` or the position moves on without one.
   * `topicId` is null the first time; later it is what the first answer said, so that another topic of the same name is
   * noticed.
   */
  fetch: { asks: FetchRequest; gets: FetchAnswer }
}

export type RequestType = keyof Requests

/** A request as it is sent. */
export type Request = { [Type in RequestType]: { readonly type: Type } & Readonly<Requests[Type]['asks']> }[RequestType]

export type Answer<Type extends RequestType> = Requests[Type]['gets']

/** Bytes as text. */
export type Base64 = string

/** A producer, and how often its transactional id was fenced before it came. */
export interface WriterId {
  readonly producerId: number
  readonly epoch: number
}

/** Who speaks, and of which generation. */
export interface MemberStamp {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
}

interface WireMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly metadata: Base64
}

export interface FetchRequest {
  readonly topic: string
  readonly partition: number
  readonly topicId: string | null
  readonly from: Start
  readonly isolation: Isolation
  /** At least one block is sent, however large it is. */
  readonly maxBytes: number
}

export interface FetchAnswer {
  readonly topicId: string
  /** Where reading began: not `from` where that was a word or out of range. */
  readonly begin: number
  /** `from` is not in the log, which goes from `start` to `end`. */
  readonly outOfRange: { readonly start: number; readonly end: number } | null
  /** Position after the blocks; passes markers, aborted and compacted messages. */
  readonly position: number
  readonly highWatermark: number
  /** Bytes of the blocks that follow. Only the first may begin below `begin`. */
  readonly bytes: number
}

/**
 * Blocks to be stored, in this order. `number` counts the requests of this producer from 1; one is under way at a time, so
 * that the broker knows one that comes again.
 */
export interface ProduceRequest {
  readonly writer: WriterId
  readonly number: number
  /** Of the open transaction, counted from 1; 0 outside of one. */
  readonly transaction: number
  readonly batches: readonly (TopicPartition & { readonly bytes: number })[]
}

/** For each batch in turn its base offset, or why it was not stored. */
export type ProduceAnswer = readonly (number | WireError)[]
