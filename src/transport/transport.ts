import type { Clock } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import type { Random } from '../lib/random.js'
import type { Headers } from '../message/record.js'

/** A broker to connect to: what `kafka({…})` returns and what a broker URL stands for. */
export interface Transport {
  readonly kind: string
  /** Where it is, for logs and errors; never holds a password. */
  readonly place: string
  /** Opens a connection of its own for one worker or client. Throws `TransportError`. */
  readonly connect: (context: ConnectionContext) => Promise<Connection>
}

/** What a driver needs from its surroundings: time and randomness come in here and nowhere else. */
export interface ConnectionContext {
  readonly clientId: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** One worker's or client's way to the broker. Everything made from it ends with it. */
export interface Connection {
  readonly admin: Admin
  reader(options: ReaderOptions): Reader
  producer(options: ProducerOptions): Promise<Producer>
  group(options: GroupOptions): Group
  /** Flushes nothing: what was not acknowledged fails with `ClosedError`. */
  close(): Promise<void>
}

/** A slice of a topic. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A slice of one very log: of the topic with this identity, not of another one that has its name before or after. */
export interface LogPartition extends TopicPartition {
  /** As `TopicDescription.id`; without it any topic of the name is meant. */
  readonly topicId?: string | undefined
}

/** One convention everywhere: the offset is the *next* one to read. */
export interface PartitionOffset extends LogPartition {
  readonly offset: number
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A run of messages of one partition, as bytes: columns over one buffer, in offset order. Immutable and shared: every
 * subscriber of a partition sees the same object. Offsets may have holes (compaction, markers).
 */
export interface Batch extends TopicPartition {
  readonly count: number
  readonly buffer: Buffer
  readonly offsets: Float64Array
  /** Milliseconds since 1970. */
  readonly timestamps: Float64Array
  /** Start of each key in `buffer`; -1 for a message without a key. */
  readonly keyStarts: Int32Array
  readonly keyEnds: Int32Array
  /** Start of each value in `buffer`; -1 for a tombstone. */
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  /** `null` when no message of the batch has headers, so that nobody looks. */
  readonly headers: HeaderColumn | null
  /** The position after this batch; it passes markers and compacted tails that hold no message. */
  readonly nextOffset: number
  /** Bytes that the batch keeps in memory. */
  readonly bytes: number
}

/** Headers are decoded when somebody asks for them. */
export interface HeaderColumn {
  has(index: number): boolean
  at(index: number): Headers
}

/** Whether messages of open and aborted transactions are seen. */
export type Isolation = 'read-uncommitted' | 'read-committed'

/** What a reader sees, and whom it tells. */
export interface ReaderOptions {
  readonly isolation: Isolation
  /**
   * An error of one partition that reading cannot get past by itself: an unknown or deleted topic, a refused permission, a
   * damaged batch. It is read no further; `remove` and `add` begin anew.
   */
  readonly onError: (error: Error, at: TopicPartition) => void
  /** The position has moved on without a batch that says so: past markers, aborted messages or compacted ones. */
  readonly onPassed?: (at: TopicPartition) => void
}

/** Where reading begins. An offset that the log no longer has counts as `earliest`, with a log line. */
export type Start = number | 'earliest' | 'latest'

/** Gets the next batch; answers whether the reader may send another one at once. `false` pauses the partition. */
export type Deliver = (batch: Batch) => boolean

/**
 * Reads partitions without a group (Kafka: Fetch, ListOffsets). It pushes up to a queue: a partition that does not want
 * more is not fetched at all.
 */
export interface Reader {
  /** Starts reading; with a `topicId` that log only: another one is an error of the partition. Twice is a `TransportError`. */
  add(at: LogPartition, start: Start, deliver: Deliver): void
  /** Stops reading: once it has returned, `deliver` is not called again. */
  remove(at: TopicPartition): void
  /** Takes up a partition again whose `deliver` said `false`. */
  resume(at: TopicPartition): void
  /** Next offset to be delivered; passes markers. `undefined` until it is known. */
  position(at: TopicPartition): number | undefined
  /** Offset after the last message that every reader may see, as of the last answer. */
  highWatermark(at: TopicPartition): number | undefined
  close(): Promise<void>
}

// ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** How a producer writes. */
export interface ProducerOptions {
  /** Makes it transactional (Kafka: InitProducerId): a newer producer of the same id fences this one. */
  readonly transactionalId?: string
  /** A transaction left open this long is aborted by the broker, in milliseconds. */
  readonly transactionTimeoutMs?: number
}

/** A message on its way out. The producer copies what it needs during `append`: the object may be used again. */
export interface Outgoing {
  topic: string
  partition: number
  /** Milliseconds since 1970. */
  timestamp: number
  /** `null` for no key; else the key is `key[keyStart, keyEnd)`: an event's key travels as a range of its batch. */
  key: Uint8Array | null
  keyStart: number
  keyEnd: number
  /** A string is written as UTF-8 straight into the batch; `null` is a tombstone. */
  value: string | Uint8Array | null
  headers: Headers | null
}

/** The open batch that took a message, and later its fate. One object per batch, not per message. */
export interface OutgoingBatch extends TopicPartition {
  /** Messages so far: right after `append` the message's place in the batch is `count - 1`. */
  readonly count: number
  /** Offset of its first message once acknowledged. */
  readonly baseOffset: number
  readonly isSettled: boolean
  /** Why it finally failed, or the first of its messages that did; `null` once all are stored. */
  readonly error: Error | null
  /** Offset of the message at a place, once acknowledged: `baseOffset + place`, unless the batch had to be divided. */
  offsetAt(place: number): number
  /** Why the message at a place finally failed, or `null`: `error`, unless the broker has refused some messages only. */
  errorAt(place: number): Error | null
  /** Runs when the batch is acknowledged or has finally failed; at once if it has. */
  onSettled(run: () => void): void
}

/**
 * Writes messages (Kafka: Produce, acks all, idempotent). Batches of a partition are stored in the order of their
 * `append`s. A batch goes out at the end of the turn when nothing is in flight, and gathers while something is.
 */
export interface Producer {
  /** Largest message that the broker takes, in bytes of key and value together. */
  readonly maxMessageBytes: number
  /** Throws `EncodeError` for what the broker would refuse on every try (too large), `FencedError`, `ClosedError`. */
  append(message: Outgoing): OutgoingBatch
  /** Whether so much is waiting that nothing should be appended before `drained()`. */
  readonly isFull: boolean
  drained(): Promise<void>
  /** Resolves when everything appended so far is acknowledged or has finally failed; never rejects: look at the batches. */
  flush(): Promise<void>
  /** Transactional producers only (Kafka: transactions of KIP-447). Appends between `begin` and `commit` belong to it. */
  begin(): Promise<void>
  /** Flushes, adds the offsets as `Group.commit` does, under the membership's fencing, commits. Throws `FencedError`, `SendError`. */
  commit(offsets: readonly PartitionOffset[], membership: Membership | null): Promise<void>
  abort(): Promise<void>
  close(): Promise<void>
}

// ── Groups ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** One member of one group, and whom it tells. */
export interface GroupOptions {
  readonly groupId: string
  /** Static membership (Kafka: group.instance.id): a restart within the session timeout causes no rebalance. */
  readonly instanceId?: string
  /** How long a silent member keeps its partitions, in milliseconds. */
  readonly sessionTimeoutMs: number
  /** How long a round waits for members to join again, in milliseconds. */
  readonly rebalanceTimeoutMs: number
  /** The coordinator asks for another round: give up what must go, then `join` again. May be called more than once. */
  readonly onRebalance: () => void
  /** The membership is over (session lost, fenced, another instance took the id): own nothing from now on. */
  readonly onLost: (error: Error) => void
}

/** What a member says of itself and what it is given are opaque to the broker. */
export interface GroupMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly metadata: Uint8Array
}

/** What a member brings to a round. */
export interface JoinRound {
  readonly topics: readonly string[]
  readonly metadata: Uint8Array
  /** Called on the round's leader only, with every member, sorted by id. */
  readonly assign: (members: readonly GroupMember[]) => ReadonlyMap<string, Uint8Array> | Promise<ReadonlyMap<string, Uint8Array>>
}

/** One generation's membership: it fences commits. */
export interface Membership {
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  readonly isLeader: boolean
  readonly assignment: Uint8Array
}

/**
 * A member of a consumer group (Kafka, classic protocol). Heartbeats run by themselves between `join` and `leave`,
 * whatever the handlers do. The cooperative hand-over is the caller's: two rounds, nothing revoked in between.
 */
export interface Group {
  /** One round (JoinGroup, then SyncGroup). Throws `FencedError` when the member has been replaced or forgotten. */
  join(round: JoinRound): Promise<Membership>
  /**
   * OffsetCommit. All or nothing; throws `FencedError` for a stale generation or an unknown member, else `CommitError`: also
   * where a `topicId` is not that of the topic. A driver that cannot be sure of that keeps it beside the offset.
   */
  commit(offsets: readonly PartitionOffset[], membership: Membership): Promise<void>
  /**
   * OffsetFetch, waiting for open transactions. Partitions never committed are absent. An offset that comes with a `topicId` is
   * of that log: where the topic is another one by now, it says nothing.
   */
  committed(partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]>
  /** LeaveGroup: hands the partitions over at once. Never throws. */
  leave(): Promise<void>
}

// ── Administration ───────────────────────────────────────────────────────────────────────────────────────────────

/** What a topic should be like when it has to be created. */
export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  readonly replicas?: number
  readonly retentionMs?: number
  /** Bytes kept of each partition: beyond that the oldest messages go, in the broker's own time; default -1, no limit. */
  readonly retentionBytes?: number
  readonly compacted?: boolean
}

/** What a topic is like. */
export interface TopicDescription {
  readonly name: string
  /** Identity of this very log: another one after the topic was deleted and created again. */
  readonly id: string
  readonly partitions: number
  readonly replicas: number
  /** -1 for ever. */
  readonly retentionMs: number
  /** Bytes kept of each partition; -1 for no limit. */
  readonly retentionBytes: number
  readonly compacted: boolean
}

/** Topics and their offsets (Kafka: Metadata, CreateTopics, CreatePartitions, DeleteTopics, ListOffsets, DeleteRecords). */
export interface Admin {
  /** Every topic, or those named that exist; sorted by name. */
  topics(names?: readonly string[]): Promise<readonly TopicDescription[]>
  /** Creates what is missing and leaves what exists untouched, whatever it is like. */
  createTopics(specs: readonly TopicSpec[]): Promise<void>
  addPartitions(topic: string, partitions: number): Promise<void>
  deleteTopics(names: readonly string[]): Promise<void>
  /** Offsets after the last message that a reader of this isolation may see. Throws rather than guess. */
  endOffsets(partitions: readonly TopicPartition[], isolation: Isolation): Promise<readonly PartitionOffset[]>
  startOffsets(partitions: readonly TopicPartition[]): Promise<readonly PartitionOffset[]>
  /** First offset whose timestamp is at or after `timestamp` (ms); partitions without one are absent. */
  offsetsForTime(partitions: readonly TopicPartition[], timestamp: number): Promise<readonly PartitionOffset[]>
  /** Drops messages below the offsets given. */
  deleteRecords(before: readonly PartitionOffset[]): Promise<void>
  /** Offsets that a group has committed, whoever asks (for the command line). */
  groupOffsets(groupId: string): Promise<readonly PartitionOffset[]>
  /**
   * Makes the group's committed offsets exactly these (Kafka: DeleteGroups, then OffsetCommit without a member): a partition
   * that is not named counts as never committed. Throws `TransportError` and changes nothing while the group has members (a
   * silent one counts until its session ends, unless the broker knows that it is gone), or where a partition does not exist.
   */
  resetGroup(groupId: string, offsets: readonly PartitionOffset[]): Promise<void>
  /** Runs after topics appear, disappear or gain partitions; returns how to stop. */
  watchTopics(changed: () => void): () => void
}
