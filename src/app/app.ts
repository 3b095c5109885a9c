import type { StandardSchemaV1 } from '@standard-schema/spec'
import { AppAgent, agentSettings, type AgentFunction, type AgentHome, type AgentOptions } from '../agent/agent.js'
import type { AgentFor, Process, SilentAgent, Yielded } from '../agent/contract.js'
import type { Supervision } from '../agent/supervisor.js'
import { AppChannel, type ChannelSettings } from '../channel/channel.js'
import type { DecodePolicy, ErrorPolicy } from '../channel/policy.js'
import { AppTopic, type TopicSettings } from '../channel/topic.js'
import { OptionError } from '../errors.js'
import { toMs, type Duration } from '../lib/duration.js'
import type { Codec } from '../message/codec.js'
import type { RawKey } from '../message/key.js'
import type { Output, RoundTrips, Schema } from '../message/schema.js'
import type { Channel, Stream, Topic } from '../stream/contract.js'
import type { Connection } from '../transport/transport.js'
import { atTimes, every } from '../worker/scheduler.js'
import { checkArguments, type Argument, type NoSchema } from './command.js'
import { Declarations, type CommandDeclaration } from './declarations.js'
import { describeApp, type Description } from './describe.js'
import { readOptions, type AppOptions } from './options.js'
import { Runtime, type Running, type World } from './runtime.js'

// oxlint-disable typescript/no-explicit-any -- schemas of whatever input, agents of whatever value: inference fills them in
type Named = string | readonly string[] | RegExp
type RawKeySchema = StandardSchemaV1<any, RawKey | null>
type Encoding<S extends Schema> = { value: S; codec: Codec } | { value: S & RoundTrips<S>; codec?: never }
type Source<Value, Key> =
  | { topic: Channel<Value, Key>; value?: never; key?: never }
  | { topic?: never; value: StandardSchemaV1<any, Value>; key?: StandardSchemaV1<any, Key> }
  | { topic?: never; value?: never; key?: never }
type AnyAgent = SilentAgent<any, any>
type AnyKey = any
// oxlint-enable typescript/no-explicit-any
type Parsed<Arguments> = { [Name in keyof Arguments]: Arguments[Name] extends Argument<infer Value> ? Value : never }
type Arguments = Record<string, Argument<unknown> & NoSchema>
type NoArguments = Record<never, never>
type Run = (signal: AbortSignal) => unknown

/** What a topic is like besides its schemas. */
export interface TopicOptions {
  keyCodec?: Codec
  /** Default: the app's. Partition n of all topics with the same count belongs to one worker. */
  partitions?: number
  /** Copies that the broker keeps; default: the broker's. */
  replicas?: number
  /** How long messages are kept; default: the broker's. */
  retention?: Duration
  /** How many bytes of each partition are kept: beyond that the oldest messages go; no limit by default. */
  retentionBytes?: number
  /** Whether the broker keeps the last message of each key. */
  compacted?: boolean
  /** What happens to a message that cannot be decoded; default `'skip'`: counted and logged. */
  onDecodeError?: DecodePolicy
}

interface RunOptions<Reply, R> {
  /** How many actors compete for the stream's events, each in its own order; default 1. */
  concurrency?: number
  /** What `ask` validates and revives the answer with. */
  reply?: R & StandardSchemaV1<unknown, Reply>
  supervisor?: Supervision
  /** What happens to the event that an actor fails on; default `skip()`. */
  onError?: ErrorPolicy
  /** One actor for each partition assigned. */
  isolatedPartitions?: boolean
}

/**
 * An app: what it reads, what it does with it, and what it is called by. Declarations come first, then `start()`.
 *
 * @example
 * const app = new App('agent-example')
 * const adding = app.agent('adding', { value: z.object({ a: z.number(), b: z.number() }) }, async function* (stream) {
 *   for await (const { a, b } of stream) yield a + b
 * })
 */
export class App implements AsyncDisposable {
  readonly id: string
  readonly #declared = new Declarations()
  readonly #runtime: Runtime
  readonly #home: AgentHome

  /** Throws `OptionError`. */
  constructor(id: string, options: AppOptions = {}) {
    if (!/^[a-zA-Z0-9._-]+$/.test(id)) {
      throw new OptionError(`An app cannot be called ${JSON.stringify(id)}: letters, digits, ".", "_" and "-".`, { option: 'id' })
    }
    this.id = id
    this.#runtime = new Runtime(id, this.#declared, readOptions(options, process.env))
    this.#home = this.#runtime.home
  }

  /** Declares a topic; an array is several read as one, a pattern those that match, as they appear. */
  topic(name: Named): Topic<unknown>
  /**
   * Declares a topic with a model: the schema gives its values their type, and is asked of whatever is read. JSON of what it
   * makes must be valid input again, unless a `codec` writes something else. Throws `OptionError`.
   *
   * @example
   * const orders = app.topic('orders', { key: z.string(), value: z.object({ id: z.string(), placed: z.coerce.date() }) })
   */
  topic<V extends Schema, K extends Schema = RawKeySchema>(
    name: Named,
    options: Encoding<V> & TopicOptions & { key?: K; timestamp?: (value: Output<V>) => number | Date },
  ): Topic<Output<V>, Output<K>>
  topic(name: Named, options: object = {}): unknown {
    return this.#topic(name, options)
  }

  /** Declares an in-process, bounded channel: `send` waits while `capacity` (4096) values are waiting. */
  channel<V extends Schema, K extends Schema = RawKeySchema>(
    name: string,
    options: { value: V; key?: K; capacity?: number },
  ): Channel<Output<V>, Output<K>>
  channel(name: string, options: ChannelSettings): unknown {
    return this.#declared.add(this.#declared.channels, 'channel', new AppChannel(this.#home, name, options))
  }

  /**
   * Declares an agent: a function over a stream. Without `topic` it reads the topic `<app id>-<agent name>`. Throws
   * `DuplicateNameError` and `OptionError`.
   */
  agent<Value, P extends Process, Key = RawKey | null, R extends Schema | undefined = undefined>(
    name: string,
    options: Source<Value, Key> & RunOptions<NoInfer<Yielded<P>>, R>,
    process: (stream: Stream<Value, Key>) => P,
  ): AgentFor<Value, P, Key, R>
  agent(name: string, options: object, process: unknown): unknown {
    return this.#agent(name, options, process as AgentFunction)
  }

  /** An agent of another service, known by the topic that it reads: only its type is imported. */
  remote<A extends AnyAgent>(topic: string): A
  remote(topic: string): unknown {
    const source = this.#runtime.home.topicNamed(topic)
    return new AppAgent(this.#home, { name: topic, source, settings: agentSettings(topic, {}), run: () => undefined })
  }

  /** Runs at every interval, first after one; never overlaps itself. `onLeader`: in one worker of the app only. */
  timer(name: string, options: { every: Duration; onLeader?: boolean }, run: Run): void {
    const intervalMs = toMs(options.every, `timer "${name}": every`)
    if (intervalMs < 1) throw new OptionError(`timer "${name}": every must be at least 1 ms.`, { option: 'every' })
    this.#declared.add(this.#declared.timers, 'timer', {
      name,
      onLeader: options.onLeader ?? false,
      run,
      next: every(intervalMs),
    })
  }

  /**
   * Runs at the calendar times of a cron pattern, in `timezone` (UTC). A single time of day comes once also on days when the
   * clocks change; patterns with several follow the clocks.
   */
  crontab(name: string, options: { at: string; timezone?: string; onLeader?: boolean }, run: Run): void {
    const next = atTimes(options.at, options.timezone, name)
    this.#declared.add(this.#declared.timers, 'timer', { name, onLeader: options.onLeader ?? false, run, next })
  }

  /** Runs once, for the worker's life or while it leads; its failure stops the worker. */
  task(name: string, options: { onLeader?: boolean }, run: (signal: AbortSignal) => Promise<void>): void {
    this.#declared.add(this.#declared.tasks, 'task', { name, onLeader: options.onLeader ?? false, run })
  }

  /**
   * Adds a command to `faust -A <this app>`. Throws `DuplicateNameError` and `OptionError`.
   *
   * @example
   * app.command('add', { arguments: { a: argument(z.coerce.number()) }, options: { print: flag() } }, async ({ a, print }) => {
   *   const sum = await adding.ask({ a, b: 1 })
   *   if (print) console.log(sum)
   * })
   */
  command<A extends Arguments = NoArguments, O extends Arguments = NoArguments>(
    name: string,
    options: { help?: string; arguments?: A; options?: O },
    run: (input: Parsed<A> & Parsed<O>) => unknown,
  ): void {
    checkArguments(name, options)
    this.#declared.add(this.#declared.commands, 'command', {
      name,
      help: options.help,
      arguments: options.arguments ?? {},
      options: options.options ?? {},
      run: run as unknown as CommandDeclaration['run'],
    })
  }

  /**
   * Starts a worker in this process; resolves when its partitions are at work. Throws `DeclarationError` with everything
   * that is wrong, `TransportError` when there is no broker, and what brought a worker down that could not start.
   *
   * @example
   * await using running = await app.start()
   */
  start(_options: { web?: false } = {}): Promise<Running> {
    return this.#runtime.start()
  }

  /** Connects for sending and asking, without joining the group; the first `ask`, `cast` or `send` does it by itself. */
  client(): Promise<AsyncDisposable> {
    return this.#runtime.client()
  }

  /** Stops what runs and sends what is left; rejects with the first send that failed and that nobody awaited. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runtime.dispose()
  }

  /** What is declared, as plain facts: for a command line, a dashboard, a test. */
  describe(): Description {
    return describeApp(this.id, this.#declared, this.#runtime)
  }

  /** A connection of one's own to the app's broker, for administration; close it. */
  connect(): Promise<Connection> {
    return this.#runtime.connect()
  }

  /** Reads a message's bytes as this topic's readers do; throws (or rejects with) what is wrong with them. */
  decode<Value>(topic: Topic<Value, AnyKey>, bytes: Uint8Array | null): Value | Promise<Value>
  decode(topic: unknown, bytes: Uint8Array | null): unknown {
    return (topic as AppTopic).decode(bytes)
  }

  /** Runs the app in other surroundings (broker, clock, randomness, log) until the result is disposed of. */
  override(world: World): Disposable {
    return this.#runtime.override(world)
  }

  #topic(name: Named, options: TopicSettings): AppTopic {
    const topic = new AppTopic(this.#home, name, options)
    this.#declared.topics.push(topic)
    return topic
  }

  #agent(name: string, options: AgentDeclaration, run: AgentFunction): AppAgent {
    if (typeof run !== 'function')
      throw new OptionError(`Agent "${name}" needs a function of its stream as third argument.`, { option: 'process' })
    const settings = agentSettings(name, options)
    const { topic, value, key } = options
    if (topic !== undefined && !(topic instanceof AppTopic) && !(topic instanceof AppChannel)) {
      throw new OptionError(`Agent "${name}": topic must be what app.topic or app.channel has returned.`, { option: 'topic' })
    }
    const extra = topic === undefined ? undefined : (['value', 'key'] as const).find(option => options[option] !== undefined)
    if (extra !== undefined) {
      const why = `reads the ${topic instanceof AppTopic ? 'topic' : 'channel'} "${topic?.name}", which has its schemas: remove ${extra}`
      throw new OptionError(`Agent "${name}" ${why}.`, { option: extra })
    }
    const schemas = { ...(value === undefined ? {} : { value }), ...(key === undefined ? {} : { key }) }
    const source = topic ?? this.#topic(`${this.id}-${name}`, schemas)
    return this.#declared.add(this.#declared.agents, 'agent', new AppAgent(this.#home, { name, source, settings, run }))
  }
}

type AgentDeclaration = AgentOptions & { topic?: unknown; value?: Schema; key?: Schema }
