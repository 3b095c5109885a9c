import type { AppAgent } from '../agent/agent.js'
import type { AppChannel } from '../channel/channel.js'
import type { Inbox } from '../channel/inbox.js'
import type { AppTopic } from '../channel/topic.js'
import type { Clock } from '../lib/clock.js'
import type { Logger } from '../lib/log.js'
import type { Random } from '../lib/random.js'
import type { TopicSpec, Transport } from '../transport/transport.js'
import type { TimerDeclaration } from './scheduler.js'
import type { TaskDeclaration } from './tasks.js'

/** Everything that an app declares, as a worker needs it. */
export interface Plan {
  readonly appId: string
  readonly agents: readonly AppAgent[]
  /** Created where they are missing. */
  readonly topics: readonly TopicSpec[]
  readonly timers: readonly TimerDeclaration[]
  readonly tasks: readonly TaskDeclaration[]
  readonly topicNamed: (name: string) => AppTopic
  /** What the declarations themselves say of a topic. */
  readonly saidOf: (name: string) => Partial<TopicSpec>
  /** What a declared topic should be like; `null` for any other name. */
  readonly specFor: (name: string) => TopicSpec | null
  /** What was sent to a channel before any worker ran, for the first one that does. */
  readonly earlyInbox: (channel: AppChannel) => Inbox | null
}

/** How and where a worker runs; times in milliseconds. */
export interface WorkerSettings {
  readonly transport: Transport
  readonly clientId: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Of topics that name none. */
  readonly partitions: number
  readonly commitIntervalMs: number
  readonly commitEvery: number | undefined
  readonly drainTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly instanceId: string | undefined
  /** Whether chance says where the partitions of a topic begin to take turns; else they begin at 0. */
  readonly beginsAnywhere: boolean
  readonly checksRoundTrips: boolean
  /** Whether bodies stay known across awaits. */
  readonly isScoped: boolean
}
