import { OptionError } from '../errors.js'
import { toMs, type Duration } from '../lib/duration.js'
import { uuid } from '../lib/random.js'
import { validator, type Schema } from '../message/schema.js'
import type { AppChannel } from '../channel/channel.js'
import type { Home } from '../channel/host.js'
import { knownPolicy, skip, type ErrorPolicy, type KnownPolicy } from '../channel/policy.js'
import { AppTopic } from '../channel/topic.js'
import type { SendOptions } from '../stream/contract.js'
import type { EventStream } from '../stream/stream.js'
import { ask, AskedTogether, captureSite, type Asked, type AskSettings, type Asker } from './ask.js'
import { askMany, type Answer } from './ask-many.js'
import { forwardHeaders } from './protocol.js'
import { knownSupervision, type KnownSupervision, type Supervision } from './supervisor.js'

/** What an agent knows of its app. */
export interface AgentHome extends Home {
  /** Where it is asked from. */
  asker(): Asker
  /** The declared topic of that name, or one as if it had been declared with no options. */
  topicNamed(name: string): AppTopic
}

/** What `app.agent` takes, checked and complete. */
export interface AgentSettings {
  readonly concurrency: number
  readonly isolatedPartitions: boolean
  readonly reply: Schema | undefined
  readonly onError: KnownPolicy
  readonly supervision: KnownSupervision
}

/** The options of `app.agent` that say how it runs. */
export interface AgentOptions {
  readonly concurrency?: number | undefined
  readonly isolatedPartitions?: boolean | undefined
  readonly reply?: Schema | undefined
  readonly onError?: ErrorPolicy | undefined
  readonly supervisor?: Supervision | undefined
}

export type AgentFunction = (stream: EventStream) => unknown

/** Something that an agent's yields go to; `key` overrides the event's. */
export interface SinkEntry {
  readonly sink: unknown
  readonly key: ((value: unknown) => unknown) | undefined
}

type AskManyOptions = SendOptions<unknown> & { timeout?: Duration }
type Many<T> = Iterable<T> | AsyncIterable<T>

/** A declared agent: what it is, and how others talk to it. Typed where users hold it. */
export class AppAgent {
  readonly name: string
  readonly source: AppTopic | AppChannel
  readonly settings: AgentSettings
  readonly run: AgentFunction
  readonly sinks: SinkEntry[] = []
  readonly #home: AgentHome

  constructor(
    home: AgentHome,
    declared: { name: string; source: AppTopic | AppChannel; settings: AgentSettings; run: AgentFunction },
  ) {
    this.#home = home
    this.name = declared.name
    this.source = declared.source
    this.settings = declared.settings
    this.run = declared.run
  }

  /** Sends without asking for an answer. */
  cast(value: unknown, options?: SendOptions<unknown>): PromiseLike<unknown> {
    return this.source.send(value, options)
  }

  readonly send = (
    value: unknown,
    options: SendOptions<unknown> & { replyTo?: unknown; correlationId?: string } = {},
  ): PromiseLike<unknown> => {
    const { replyTo, correlationId, ...rest } = options
    if (replyTo === undefined) return this.source.send(value, rest)
    const id = correlationId ?? uuid(this.#home.asker().random)
    return this.source.send(value, { ...rest, headers: { ...rest.headers, ...forwardHeaders(addressOf(replyTo), id) } })
  }

  /** Resolves to the first value that the agent yields for this one. */
  ask(value: unknown, options: AskManyOptions & { correlationId?: string } = {}): Promise<unknown> {
    const { timeout, correlationId, ...rest } = options
    const settings = { timeoutMs: timeoutOf(timeout), correlationId, site: captureSite() }
    return ask(this.#asked, this.#home.asker(), { value, options: rest, settings })
  }

  map(values: Many<unknown>, options: AskManyOptions = {}): AsyncIterable<unknown> {
    const { timeout, ...rest } = options
    return this.#each(values, value => ({ value, options: rest }), { timeoutMs: timeoutOf(timeout), site: captureSite() })
  }

  kvmap(entries: Many<readonly [unknown, unknown]>, options: { timeout?: Duration } = {}): AsyncIterable<unknown> {
    return this.#each(entries, withKey, { timeoutMs: timeoutOf(options.timeout), site: captureSite() })
  }

  join(values: Many<unknown>, options: AskManyOptions = {}): Promise<unknown[]> {
    const { timeout, ...rest } = options
    return this.#all(values, value => ({ value, options: rest }), { timeoutMs: timeoutOf(timeout), site: captureSite() })
  }

  kvjoin(entries: Many<readonly [unknown, unknown]>, options: { timeout?: Duration } = {}): Promise<unknown[]> {
    return this.#all(entries, withKey, { timeoutMs: timeoutOf(options.timeout), site: captureSite() })
  }

  /** Adds a sink: a function, a topic, a channel or an agent gets what this one yields. */
  to(sink: unknown, options: { key?: (value: unknown) => unknown } = {}): this {
    const isSink = typeof sink === 'function' || typeof (sink as { send?: unknown } | null)?.send === 'function'
    if (!isSink)
      throw new OptionError(`Agent "${this.name}".to() takes a function, a topic, a channel or an agent.`, { option: 'sink' })
    this.sinks.push({ sink, key: options.key })
    return this
  }

  async *#each<Item>(items: Many<Item>, requestOf: (item: Item) => Request, settings: AskSettings): AsyncGenerator<unknown> {
    for await (const { value } of this.#askMany(items, requestOf, settings)) yield value
  }

  async #all<Item>(items: Many<Item>, requestOf: (item: Item) => Request, settings: AskSettings): Promise<unknown[]> {
    const answers: unknown[] = []
    for await (const { index, value } of this.#askMany(items, requestOf, settings)) answers[index] = value
    return answers
  }

  #askMany<Item>(
    items: Many<Item>,
    requestOf: (item: Item) => Request,
    settings: AskSettings,
  ): AsyncGenerator<Answer, void, undefined> {
    const asker = this.#home.asker()
    const others = new AskedTogether(asker.replies)
    const askOne = (item: Item): Promise<unknown> =>
      ask(this.#asked, asker, { ...requestOf(item), settings: { ...settings, others } })
    return askMany({ items, ask: askOne, abandon: others.abandon })
  }

  get #asked(): Asked {
    return { name: this.name, send: this.source.send, replySchema: this.settings.reply }
  }
}

interface Request {
  readonly value: unknown
  readonly options: SendOptions<unknown>
}

const knownOptions = ['topic', 'value', 'key', 'concurrency', 'isolatedPartitions', 'reply', 'onError', 'supervisor']

/** Checks the options of an agent; throws `OptionError`. */
export function agentSettings(name: string, options: AgentOptions): AgentSettings {
  const { concurrency = 1, isolatedPartitions = false, reply, onError = skip(), supervisor } = options
  const unknown = Object.keys(options).find(option => !knownOptions.includes(option))
  if (unknown !== undefined) {
    throw new OptionError(`Agent "${name}" has no option "${unknown}". It takes ${knownOptions.join(', ')}.`, { option: unknown })
  }
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new OptionError(`Agent "${name}": concurrency must be a whole number above 0, got ${String(concurrency)}.`, {
      option: 'concurrency',
    })
  }
  if (typeof isolatedPartitions !== 'boolean') {
    throw new OptionError(`Agent "${name}": isolatedPartitions must be true or false, got ${String(isolatedPartitions)}.`, {
      option: 'isolatedPartitions',
    })
  }
  if (isolatedPartitions && concurrency > 1) {
    throw new OptionError(
      `Agent "${name}": isolatedPartitions runs one actor per partition. Remove concurrency: ${concurrency}.`,
      {
        option: 'isolatedPartitions',
      },
    )
  }
  validator(reply)
  return { concurrency, isolatedPartitions, reply, onError: knownPolicy(onError), supervision: knownSupervision(supervisor) }
}

function withKey([key, value]: readonly [unknown, unknown]): Request {
  return { value, options: { key } }
}

function timeoutOf(timeout: Duration | undefined): number {
  return toMs(timeout ?? '30s', 'timeout')
}

function addressOf(replyTo: unknown): string {
  if (replyTo instanceof AppTopic) return replyTo.target
  if (replyTo instanceof AppAgent && replyTo.source instanceof AppTopic) return replyTo.source.target
  throw new OptionError('replyTo must be a topic, or an agent that reads one: an in-process channel is no address.', {
    option: 'replyTo',
  })
}
