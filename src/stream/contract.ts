import type { Duration } from '../lib/duration.js'
import type { KeyInput, RawKey } from '../message/key.js'
import type { Placement } from '../message/record.js'

// What users see of streams and of the places that they come from and go to. One file, since each names the others.

/** A decoded message with a receipt. */
export interface Event<Value, Key = RawKey | null> {
  readonly key: Key
  readonly value: Value
  /** Name of the topic, or of the channel. */
  readonly topic: string
  /** -1 for an event of a channel. */
  readonly partition: number
  /** -1 for an event of a channel. */
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly headers: ReadonlyMap<string, Uint8Array>
  /** Says that the work for this event is done. Only after `noack()`; elsewhere it does nothing. */
  settle(): void
}

/** What may be said of a message besides its value. */
export interface SendOptions<Key> {
  /** What it is partitioned by; without one the partitions take turns. */
  key?: KeyInput<Key> | undefined
  /** Instead of the key's own. */
  partition?: number | undefined
  /** Milliseconds since 1970; the clock's time when not given. */
  timestamp?: number | undefined
  headers?: Record<string, string> | undefined
}

/**
 * Settles when the broker has stored the message. Lazy: nobody awaits it, no promise is made; a failure that nobody
 * awaits stops the commit of everything that came before it.
 */
export interface Delivery<Result = Placement> extends PromiseLike<Result> {
  catch<Other = never>(onRejected: (reason: unknown) => Other | PromiseLike<Other>): Promise<Result | Other>
  finally(onSettled: () => void): Promise<Result>
}

/** Anything that values can be sent to: a topic, a channel, an agent, or an object of your own. */
export interface Destination<Value> {
  // oxlint-disable-next-line typescript/no-explicit-any -- the one variance alias: a destination takes whatever key it is given
  readonly send: (value: Value, options?: SendOptions<any>) => PromiseLike<unknown>
}

/**
 * A flow of events. Operators run in the order written. An event settles when its reader asks for the next one or its
 * function ends; `break` neither closes the stream nor loses what is buffered. Nothing may read ahead of the work: work
 * that outlives its turn takes `noack()`.
 *
 * @example
 * for await (const order of stream.filter(order => order.total > 100)) await review(order)
 */
export interface Stream<Value, Key = RawKey | null> extends AsyncIterable<Value> {
  /** The events instead of their values; what operators before it changed is their `value`. */
  events(): AsyncIterable<Event<Value, Key>>
  /** Pairs of key and value. */
  entries(): AsyncIterable<[Key, Value]>
  /**
   * Arrays of at most `max` values, given out when full or `within` after the first of them came; never empty. The
   * events of a batch settle together, when the next batch is asked for. (Faust: `take`.)
   */
  batch(max: number, options: { within: Duration }): AsyncIterable<Value[]>
  /** Drops, and settles, what `keep` does not want. */
  filter<Kept extends Value>(keep: (value: Value) => value is Kept): Stream<Kept, Key>
  filter(keep: (value: Value) => boolean): Stream<Value, Key>
  /** Changes each value; a promise that `change` returns is awaited before the next one. */
  map<Mapped>(change: (value: Value) => Mapped | Promise<Mapped>): Stream<Mapped, Key>
  /** Looks at each value; a promise that `look` returns is awaited. */
  tap(look: (value: Value) => unknown): Stream<Value, Key>
  /** Pairs of a count, from `start` (0), and the value. */
  enumerate(start?: number): AsyncIterable<[number, Value]>
  /** Sends each value, under its event's key, to every destination as well. */
  echo(...destinations: Destination<Value>[]): Stream<Value, Key>
  /** Hands out at most `max` events per `per`, evenly spaced. */
  rateLimit(max: number, per: Duration): Stream<Value, Key>
  /** Nothing settles by itself any more: take `events()` and call `event.settle()`. */
  noack(): Stream<Value, Key>
  /** Fires when the worker stops or this stream's partitions go. */
  readonly signal: AbortSignal
  /** Sends every event on to a topic, key and headers kept, and goes on with what comes out there. */
  through(topic: Topic<Value, Key>): Stream<Value, Key>
}

/** An in-process, bounded stand-in for a topic. */
export interface Channel<Value, Key = RawKey | null> extends Destination<Value> {
  /** A stream of its own over everything sent from now on. Throws `NotStartedError` when iterated before the app runs. */
  stream(): Stream<Value, Key>
  /** Hands a value over. A full channel resolves once there is room; a topic says more of it. */
  readonly send: (value: Value, options?: SendOptions<Key>) => PromiseLike<unknown>
}

/** A named, partitioned log. */
export interface Topic<Value, Key = RawKey | null> extends Channel<Value, Key> {
  readonly name: string
  /** Sends a message; without a key the partitions take turns. A `null` value is a tombstone. */
  readonly send: (value: Value, options?: SendOptions<Key>) => Delivery
}
