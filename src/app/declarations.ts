import type { AppAgent } from '../agent/agent.js'
import type { AppTopic } from '../channel/topic.js'
import { AppChannel } from '../channel/channel.js'
import { DeclarationError, DuplicateNameError } from '../errors.js'
import { toMs, type Duration } from '../lib/duration.js'
import type { TopicSpec } from '../transport/transport.js'
import type { TimerDeclaration } from '../worker/scheduler.js'
import type { TaskDeclaration } from '../worker/tasks.js'
import type { Argument } from './command.js'

export interface CommandDeclaration {
  readonly name: string
  readonly help: string | undefined
  readonly arguments: Readonly<Record<string, Argument<unknown>>>
  readonly options: Readonly<Record<string, Argument<unknown>>>
  readonly run: (input: Record<string, unknown>) => unknown
}

/** Everything that an app has declared, and whether it makes sense together. */
export class Declarations {
  readonly topics: AppTopic[] = []
  readonly channels: Map<string, AppChannel> = new Map()
  readonly agents: Map<string, AppAgent> = new Map()
  readonly timers: Map<string, TimerDeclaration> = new Map()
  readonly tasks: Map<string, TaskDeclaration> = new Map()
  readonly commands: Map<string, CommandDeclaration> = new Map()

  /** Throws `DuplicateNameError`: `what` names the kind. */
  add<Declared extends { readonly name: string }>(kind: Map<string, Declared>, what: string, declared: Declared): Declared {
    const { name } = declared
    if (kind.has(name))
      throw new DuplicateNameError(`There is a ${what} "${name}" already. Give one of them another name.`, { duplicate: name })
    kind.set(name, declared)
    return declared
  }

  /** What a topic of that name should be like: what any declaration says of it; `null` for a name that none has. */
  specFor(name: string): TopicSpec | null {
    const declared = this.topics.filter(topic => topic.names.includes(name))
    const specs = declared.flatMap(topic => topic.specs.filter(spec => spec.name === name))
    const [first] = specs
    if (first === undefined) return null
    const said = declared.find(({ settings }) => settings.partitions !== undefined)?.settings.partitions
    return Object.assign({}, ...specs, { partitions: said ?? first.partitions }) as TopicSpec
  }

  /** Of that, only what some declaration says itself: not the count of topics that name none. */
  saidOf(name: string): Partial<TopicSpec> {
    const { partitions, ...others } = this.specFor(name) ?? {}
    const isSaid = this.topics.some(topic => topic.names.includes(name) && topic.settings.partitions !== undefined)
    return isSaid && partitions !== undefined ? { ...others, partitions } : others
  }

  /** The topics to be created where they are missing. */
  get specs(): readonly TopicSpec[] {
    const names = new Set(this.topics.flatMap(({ names: all }) => all))
    return [...names].flatMap(name => this.specFor(name) ?? [])
  }

  topicNamed(name: string): AppTopic | undefined {
    return this.topics.find(topic => topic.pattern === null && topic.name === name)
  }

  /** Throws `DeclarationError` with every problem there is. */
  check(appId: string): void {
    const problems = [...this.#disagreements(), ...[...this.agents.values()].flatMap(agentProblems)]
    if (problems.length > 0) throw new DeclarationError(`App "${appId}" cannot start:`, { problems })
  }

  #disagreements(): string[] {
    const names = new Set(this.topics.flatMap(({ names: all }) => all))
    return [...names].flatMap(name => disagreements(name, this.topics))
  }
}

function disagreements(name: string, topics: readonly AppTopic[]): string[] {
  const settings = topics.filter(topic => topic.names.includes(name)).map(topic => topic.settings)
  return (['partitions', 'retention', 'retentionBytes', 'compacted'] as const).flatMap(option => {
    const said = settings.flatMap(setting => setting[option] ?? [])
    const meant = said.map(value => (option === 'retention' ? toMs(value as Duration, option) : value))
    if (new Set(meant).size < 2) return []
    return `topic "${name}" is declared with ${option} ${[...new Set(said)].join(' and ')}: say it once, or the same`
  })
}

function agentProblems({ name, source, sinks, settings, run }: AppAgent): string[] {
  const problems: string[] = []
  if (settings.isolatedPartitions && source instanceof AppChannel) {
    problems.push(`agent "${name}" has isolatedPartitions, but the channel "${source.name}" has no partitions: remove the option`)
  }
  if (sinks.length > 0 && Object.prototype.toString.call(run) === '[object AsyncFunction]') {
    problems.push(`agent "${name}" has sinks, but its function never yields: write it as async function*, or remove .to(…)`)
  }
  return problems
}
