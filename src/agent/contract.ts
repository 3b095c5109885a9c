import type { Duration } from '../lib/duration.js'
import type { KeyInput, RawKey } from '../message/key.js'
import type { JsonImage, Output, Schema } from '../message/schema.js'
import type { Delivery, Destination, SendOptions, Topic } from '../stream/contract.js'

// What users see of agents.

// oxlint-disable-next-line typescript/no-explicit-any -- the one variance alias: whatever key an address has
type AnyKey = any

/** A function, a topic, a channel, an agent, or an object of your own with `send`. */
export type Sink<Value> = ((value: Value) => unknown) | Destination<Value>

/** What an agent's function may return: an async generator, or nothing when it never yields. */
export type Process = AsyncIterable<unknown> | Promise<void>
export type Yielded<P> = P extends AsyncIterable<infer Reply> ? Reply : never

type Many<T> = Iterable<T> | AsyncIterable<T>
type Pair<Key, Value> = readonly [key: KeyInput<Key>, value: Value]

/** What may be said of a question besides its message. */
export interface AskOptions {
  /** How long to wait for the answer, for each item by itself; default 30 s. */
  timeout?: Duration | undefined
}

/** An agent that never yields: it can be sent to, and has nothing to answer. */
export interface SilentAgent<Value, Key = RawKey | null> extends Destination<Value> {
  readonly name: string
  /** Sends without asking for an answer; resolves when the broker has stored the message. */
  cast(value: Value, options?: SendOptions<Key>): Delivery<void>
}

/** An agent that yields `Reply`; `Answer` is what of it reaches an asker: its JSON image, or the `reply` schema's output. */
export interface Agent<Value, Reply, Key = RawKey | null, Answer = JsonImage<Reply>> extends SilentAgent<Value, Key> {
  /** Sends; with `replyTo` the first value yielded for it goes, bare and under the event's key, to that topic or agent. */
  readonly send: (
    value: Value,
    options?: SendOptions<Key> & { replyTo?: Topic<Reply, AnyKey> | SilentAgent<Reply, AnyKey>; correlationId?: string },
  ) => Delivery
  /**
   * Resolves to the first value that the agent yields for this one. Rejects with `NoReplyError` when it goes on without
   * yielding, `ReplyError` when it throws, `AskTimeoutError` when nothing came in time.
   *
   * @example
   * const sum = await adding.ask({ a: 4, b: 4 }, { timeout: '5s' })
   */
  ask(value: Value, options?: SendOptions<Key> & AskOptions & { correlationId?: string }): Promise<Answer>
  /**
   * Asks for every value and yields the answers as they come. It starts before all is sent, has at most a thousand under
   * way, and takes endless input; the first failure throws, with `index`, and abandons the rest.
   */
  map(values: Many<Value>, options?: SendOptions<Key> & AskOptions): AsyncIterable<Answer>
  /** Asks for every value; resolves to the answers in the order of the values. Fails like `map`. */
  join(values: Many<Value>, options?: SendOptions<Key> & AskOptions): Promise<Answer[]>
  /** `map` over pairs of message key and value. */
  kvmap(entries: Many<Pair<Key, Value>>, options?: AskOptions): AsyncIterable<Answer>
  /** `join` over pairs of message key and value. */
  kvjoin(entries: Many<Pair<Key, Value>>, options?: AskOptions): Promise<Answer[]>
  /** Gives what is yielded to a sink as well; a topic or channel gets it under the event's key, unless `key` says otherwise. */
  to(sink: Sink<Reply>, options?: { key?: (value: Reply) => unknown }): this
}

/** The agent that a function makes. */
export type AgentFor<Value, P, Key, R = undefined> = [Yielded<P>] extends [never]
  ? SilentAgent<Value, Key>
  : Agent<Value, Yielded<P>, Key, R extends Schema ? Output<R> : JsonImage<Yielded<P>>>
