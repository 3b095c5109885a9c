import type { Clock } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import type { TurnBudget } from '../lib/turn.js'
import type { Codec } from '../message/codec.js'
import type { EventStream } from '../stream/stream.js'
import type { SendOptions, Stream, Topic } from '../stream/contract.js'
import type { BodyScope } from '../stream/current-event.js'
import type { Hands } from '../stream/hands.js'
import type { StreamQueue } from '../stream/queue.js'
import type { Batch, TopicPartition, TopicSpec } from '../transport/transport.js'
import type { Inbox } from './inbox.js'
import type { Letter } from './letter.js'
import type { Outbox } from './outbox.js'
import type { TopicColumns } from './topic-columns.js'

/** A declared topic as hosts use it. */
export interface HostTopic {
  readonly name: string
  /** Empty for a pattern. */
  readonly names: readonly string[]
  readonly pattern: RegExp | null
  /** What is to be created where it is missing. */
  readonly specs: readonly TopicSpec[]
  /** Whether a topic of that name belongs to this declaration. */
  covers(name: string): boolean
  /** Makes events of a batch's messages, as this host reads them. */
  columns(host: Host, batch: Batch): TopicColumns
  /** A message to this topic; throws `EncodeError`, or `OptionError` for a pattern. */
  letter(host: Host, value: unknown, options?: SendOptions<unknown>): Letter
}

/** A declared in-process channel as hosts use it. */
export interface HostChannel {
  readonly name: string
  readonly capacity: number
}

/** A wish to read a topic: which queue gets which of its partitions. */
export interface Subscription {
  readonly topic: HostTopic
  /** The queue for a partition that the worker has been assigned. */
  readonly queueFor: (at: TopicPartition) => StreamQueue
  /** Topics that it is read together with, key by key: theirs and its own must have the same number of partitions. */
  readonly besides?: readonly string[]
  /** Where one queue gets them all: when it closes the wish is over. */
  readonly queue?: StreamQueue
  /** Told when a partition is about to go: nothing more of it is handed out, what is in hand is waited for. */
  readonly leaving?: (at: TopicPartition) => void
  /** Told when a partition has gone, after its last event. */
  readonly gone?: (at: TopicPartition) => void
}

/** Where declarations come to life: a worker, or a client that only sends. */
export interface Host {
  readonly clock: Clock
  readonly log: Logger
  readonly turn: TurnBudget
  readonly outbox: Outbox
  /** Whether every value sent is checked against the round-trip law (tests). */
  readonly checksRoundTrips: boolean
  /** Throws `NotStartedError` in a client. */
  subscribe(subscription: Subscription): void
  /** Somebody outside any body reads here: counted and waited for with the rest. */
  adopt(hands: Hands): void
  /** The declared topic of that name, or one as if it had been declared with no options. */
  topicNamed(name: string): HostTopic
  /** What an in-process channel holds here. */
  inbox(channel: HostChannel): Inbox
  /** Sends everything of `source` through a topic, and reads on from there. */
  hop(source: EventStream, topic: Topic<unknown, unknown>, body: BodyScope | null): Stream<unknown, unknown>
  /** Something that cannot be lived with: the worker stops with this error. */
  fail(error: unknown): void
}

/** What declarations know of the app they belong to. */
export interface Home {
  readonly id: string
  readonly codec: Codec
  /** Partitions of topics that name none. */
  readonly partitions: number
  /** Where this runs: the worker of the running body, else the app's worker, else its client. */
  host(): Host
  /** The worker to read in; throws `NotStartedError` when none runs. */
  worker(): Host
}
