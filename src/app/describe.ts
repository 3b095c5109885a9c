import type { AppAgent } from '../agent/agent.js'
import { AppTopic } from '../channel/topic.js'
import { formatMs } from '../lib/duration.js'
import { topicDifferences } from '../transport/topic-differences.js'
import type { TopicDescription, TopicSpec } from '../transport/transport.js'
import { kindOf, type ArgumentKind } from './command.js'
import type { CommandDeclaration, Declarations } from './declarations.js'
import type { Runtime } from './runtime.js'

/** An app's declarations as plain facts. */
export interface Description {
  readonly id: string
  /** Where its broker is; never holds a password. */
  readonly broker: string
  /** Who its worker is in the group of all; undefined where none was named. */
  readonly instanceId: string | undefined
  readonly agents: readonly AgentDescription[]
  readonly topics: readonly TopicSpec[]
  readonly patterns: readonly string[]
  /** How a topic of the broker is other than declared, each in words such as `partitions 3 (declared: 8)`. */
  readonly differences: (found: TopicDescription) => readonly string[]
  readonly channels: readonly string[]
  readonly timers: readonly { readonly name: string; readonly onLeader: boolean }[]
  readonly tasks: readonly { readonly name: string; readonly onLeader: boolean }[]
  readonly commands: readonly CommandDescription[]
}

/** An agent as declared, and how it fares in this process. */
export interface AgentDescription {
  readonly name: string
  /** The topic or channel that it reads. */
  readonly source: string
  readonly isChannel: boolean
  readonly concurrency: number
  readonly isolatedPartitions: boolean
  readonly onError: string
  readonly supervisor: string
  /** Names of topics, channels and agents; `function` for a function. */
  readonly sinks: readonly string[]
  /** In the workers of this process: actors at work, failures, restarts. */
  readonly running: number
  readonly failed: number
  readonly restarted: number
  /** Actors that have ended while their worker ran, and are not replaced. */
  readonly ended: number
}

/** A command of the app's own. */
export interface CommandDescription {
  readonly name: string
  readonly help: string | undefined
  readonly arguments: readonly ArgumentDescription[]
  readonly options: readonly ArgumentDescription[]
  readonly run: (input: Record<string, unknown>) => unknown
}

/** A word or an option that a command takes. */
export interface ArgumentDescription {
  readonly name: string
  readonly kind: ArgumentKind
  readonly help: string | undefined
  /** Throws `OptionError` for text that does not fit. */
  readonly parse: (text: string) => unknown
}

export function describeApp(id: string, declared: Declarations, runtime: Runtime): Description {
  return {
    id,
    broker: runtime.place,
    instanceId: runtime.instanceId,
    agents: [...declared.agents.values()].map(agent => describeAgent(agent, runtime)),
    topics: declared.specs,
    differences: found => topicDifferences(declared.saidOf(found.name), found),
    patterns: declared.topics.flatMap(({ pattern, name }) => (pattern === null ? [] : [name])),
    channels: [...declared.channels.keys()],
    timers: [...declared.timers.values()].map(({ name, onLeader }) => ({ name, onLeader })),
    tasks: [...declared.tasks.values()].map(({ name, onLeader }) => ({ name, onLeader })),
    commands: [...declared.commands.values()].map(describeCommand),
  }
}

function describeAgent(agent: AppAgent, runtime: Runtime): AgentDescription {
  const { name, source, settings, sinks } = agent
  const crews = runtime.workers.flatMap(({ crews: all }) => all.filter(crew => crew.agent === agent))
  return {
    name,
    source: source.name,
    isChannel: !(source instanceof AppTopic),
    concurrency: settings.concurrency,
    isolatedPartitions: settings.isolatedPartitions,
    onError: policyInWords(settings.onError),
    supervisor: settings.supervision.strategy,
    sinks: sinks.map(({ sink }) => (typeof sink === 'function' ? 'function' : ((sink as { name?: string }).name ?? 'object'))),
    running: crews.reduce((sum, { actors }) => sum + actors.length, 0),
    failed: crews.reduce((sum, { counts }) => sum + counts.failed, 0),
    restarted: crews.reduce((sum, { counts }) => sum + counts.restarted, 0),
    ended: crews.reduce((sum, { counts }) => sum + counts.ended, 0),
  }
}

function describeCommand({ name, help, arguments: words, options, run }: CommandDeclaration): CommandDescription {
  const describe = (all: CommandDeclaration['options']): ArgumentDescription[] =>
    Object.entries(all).map(([each, made]) => ({
      name: each,
      kind: kindOf(made),
      help: made.help,
      parse: text => made.parse(text),
    }))
  return { name, help, arguments: describe(words), options: describe(options), run }
}

function policyInWords(policy: { policy: string; attempts?: number; backoffMs?: number; then?: { policy: string } }): string {
  if (policy.policy !== 'retry') return policy.policy
  return `retry ${policy.attempts} times from ${formatMs(policy.backoffMs ?? 0)}, then ${policy.then?.policy}`
}
