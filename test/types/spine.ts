import type { StandardSchemaV1 } from '@standard-schema/spec'

export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`
export type Schema = StandardSchemaV1<any, any>
type Input<S extends Schema> = StandardSchemaV1.InferInput<S>
type Output<S extends Schema> = StandardSchemaV1.InferOutput<S>

type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [name: string]: Json }
type JsonImage<T> =
  unknown extends T ? T :
  [T] extends [Json] ? T :                                            // also ends the recursion of z.json()
  T extends { toJSON(): infer Image } ? Image :
  T extends string | number | boolean | null | undefined ? T :
  T extends bigint | symbol | ((...args: any[]) => any) ? { 'not JSON': T } :
  T extends object ? { [Key in keyof T]: JsonImage<T[Key]> } : never
export type RoundTrips<S extends Schema> = JsonImage<Output<S>> extends Input<S> ? unknown
  : { 'schema does not round-trip': 'its output, written as JSON, is not a valid input: pass a codec' }

export interface Codec { encode(value: unknown): Uint8Array; decode(bytes: Uint8Array): unknown }
export interface RawKey extends Uint8Array {}
type KeyInput<Key> = 0 extends 1 & Key ? any : [Key] extends [RawKey | null] ? string | Uint8Array | null : Key   // without a key schema: read as bytes, sent as text or bytes

export interface Event<Value, Key = RawKey | null> {
  readonly key: Key
  readonly value: Value
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly headers: ReadonlyMap<string, Uint8Array>
  settle(): void                                                      // only after noack(); elsewhere it does nothing
}
export interface Placement { readonly topic: string; readonly partition: number; readonly offset: number }
export interface SendOptions<Key> {
  key?: KeyInput<Key> | undefined
  partition?: number | undefined
  timestamp?: number | undefined
  headers?: Record<string, string> | undefined
}
/** Settles when the broker has stored the message. Lazy: nobody awaits it, no promise is made; a failure then stops the commit (delivery.md). */
export interface Delivery<Result = Placement> extends PromiseLike<Result> {
  catch<Other = never>(onRejected: (reason: unknown) => Other | PromiseLike<Other>): Promise<Result | Other>
  finally(onSettled: () => void): Promise<Result>
}
export interface Destination<Value> { readonly send: (value: Value, options?: SendOptions<any>) => PromiseLike<unknown> }

export interface Stream<Value, Key = RawKey | null> extends AsyncIterable<Value> {
  events(): AsyncIterable<Event<Value, Key>>
  entries(): AsyncIterable<[Key, Value]>
  batch(max: number, options: { within: Duration }): AsyncIterable<Value[]>
  filter<Kept extends Value>(keep: (value: Value) => value is Kept): Stream<Kept, Key>
  filter(keep: (value: Value) => boolean): Stream<Value, Key>
  map<Mapped>(change: (value: Value) => Mapped | Promise<Mapped>): Stream<Mapped, Key>
  tap(look: (value: Value) => unknown): Stream<Value, Key>
  enumerate(start?: number): AsyncIterable<[number, Value]>
  echo(...destinations: Destination<Value>[]): Stream<Value, Key>
  rateLimit(max: number, per: Duration): Stream<Value, Key>
  noack(): Stream<Value, Key>
  readonly signal: AbortSignal                                        // fires when the worker stops or this stream's partitions go
  groupBy<Field extends keyof Value & string>(field: Field): Stream<Value, Value[Field]>
  groupBy<Group>(name: string, key: (value: Value) => Group): Stream<Value, Group>
  through(topic: Topic<Value, Key>): Stream<Value, Key>
}
export interface Channel<Value, Key = RawKey | null> extends Destination<Value> {
  stream(): Stream<Value, Key>
  readonly send: (value: Value, options?: SendOptions<Key>) => PromiseLike<unknown>
}
export interface Topic<Value, Key = RawKey | null> extends Channel<Value, Key> {
  readonly name: string
  readonly send: (value: Value, options?: SendOptions<Key>) => Delivery
}

export type Sink<Value> = ((value: Value) => unknown) | Destination<Value>
type Process = AsyncIterable<unknown> | Promise<void>
type Yielded<P> = P extends AsyncIterable<infer Reply> ? Reply : never

export interface SilentAgent<Value, Key = RawKey | null> extends Destination<Value> {
  readonly name: string
  cast(value: Value, options?: SendOptions<Key>): Delivery<void>
}
type Many<T> = Iterable<T> | AsyncIterable<T>
type Pair<Key, Value> = readonly [key: KeyInput<Key>, value: Value]
export interface AskOptions { timeout?: Duration | undefined }
export interface Agent<Value, Reply, Key = RawKey | null, Answer = JsonImage<Reply>> extends SilentAgent<Value, Key> {
  readonly send: (value: Value, options?: SendOptions<Key> & { replyTo?: Topic<Reply, any> | SilentAgent<Reply, any>; correlationId?: string }) => Delivery
  ask(value: Value, options?: SendOptions<Key> & AskOptions & { correlationId?: string }): Promise<Answer>
  map(values: Many<Value>, options?: SendOptions<Key> & AskOptions): AsyncIterable<Answer>
  join(values: Many<Value>, options?: SendOptions<Key> & AskOptions): Promise<Answer[]>
  kvmap(entries: Many<Pair<Key, Value>>, options?: AskOptions): AsyncIterable<Answer>
  kvjoin(entries: Many<Pair<Key, Value>>, options?: AskOptions): Promise<Answer[]>
  to(sink: Sink<Reply>, options?: { key?: (value: Reply) => unknown }): this
}
export type AgentFor<Value, P, Key, R = undefined> = [Yielded<P>] extends [never] ? SilentAgent<Value, Key>
  : Agent<Value, Yielded<P>, Key, R extends Schema ? Output<R> : JsonImage<Yielded<P>>>
type Source<Value, Key> =
  | { topic: Channel<Value, Key>; value?: never; key?: never }
  | { topic?: never; value: StandardSchemaV1<any, Value>; key?: StandardSchemaV1<any, Key> }
  | { topic?: never; value?: never; key?: never }                     // untyped: unknown, JSON
export interface ErrorPolicy { readonly policy: string }
export declare function skip(): ErrorPolicy
export declare function crash(): ErrorPolicy
export declare function deadLetter(topic?: Topic<any, any>): ErrorPolicy
export declare function retry(options: { attempts: number; backoff?: Duration; then?: ErrorPolicy }): ErrorPolicy
export interface Supervision { readonly strategy: string }
interface Budget { restarts?: number; within?: Duration }
export declare function oneForOne(budget?: Budget): Supervision
export declare function oneForAll(budget?: Budget): Supervision
export declare function forfeitOneForOne(budget?: Budget): Supervision
export declare function forfeitOneForAll(budget?: Budget): Supervision
export declare function crashing(): Supervision
interface AgentOptions<Reply, R> {
  concurrency?: number
  reply?: R & StandardSchemaV1<any, Reply>                            // what ask validates and revives the answer with
  supervisor?: Supervision
  onError?: ErrorPolicy
  isolatedPartitions?: boolean
}

export interface Queryable<Key, Value, Missing> { query(key: Key): Promise<Value | Missing> }
export interface ReadonlyTable<Key, Value, Missing = undefined> {
  get(key: Key): Value | Missing
  has(key: Key): boolean
  keys(): AsyncIterable<Key>                                          // in key order of the encoded bytes, with what this event has written
  values(): AsyncIterable<Value>
  entries(): AsyncIterable<[Key, Value]>
  readonly size: number                                               // of the partitions held here
}
export interface Table<Key, Value, Missing = undefined> extends Queryable<Key, Value, Missing>, ReadonlyTable<Key, Value, Missing> {
  set(key: Key, value: Value): void
  update(key: Key, change: (current: Value | Missing) => Value): Value
  delete(key: Key): boolean
}
export interface WindowedTable<Key, Value, Missing = undefined> {
  readonly current: Table<Key, Value, Missing>
  readonly now: ReadonlyTable<Key, Value, Missing>
  at(timestamp: number): ReadonlyTable<Key, Value, Missing>
  ago(duration: Duration): ReadonlyTable<Key, Value, Missing>
}
export interface SetTable<Key, Element> {
  get(key: Key): ReadonlySet<Element>                                 // empty when the key is unknown
  has(key: Key, element: Element): boolean
  add(key: Key, element: Element): boolean
  delete(key: Key, element?: Element): boolean                        // without an element: the whole set
  entries(): AsyncIterable<[Key, ReadonlySet<Element>]>
}
export interface Window { readonly kind: 'hopping' | 'sliding' | 'session' }
export declare function tumbling(size: Duration, options?: { expires?: Duration }): Window
export declare function hopping(size: Duration, options: { step: Duration; expires?: Duration }): Window
export declare function sliding(before: Duration, after: Duration, options?: { expires?: Duration }): Window
export declare function session(gap: Duration, options?: { expires?: Duration }): Window

export interface Argument<Value> { readonly parse: (text: string) => Value; readonly help?: string }
export declare function argument<S extends Schema>(schema: S, help?: string): Argument<Output<S>>
export declare function option<S extends Schema>(schema: S, help?: string): Argument<Output<S>>   // --name value
export declare function flag(help?: string): Argument<boolean>
type Parsed<Arguments> = { [Name in keyof Arguments]: Arguments[Name] extends Argument<infer Value> ? Value : never }

type PathParams<Path extends string> =
  Path extends `${string}:${infer Name}/${infer Rest}` ? { [K in Name]: string } & PathParams<`/${Rest}`> :
  Path extends `${string}:${infer Name}` ? { [K in Name]: string } : {}
export interface Page<Path extends string> { readonly request: Request; readonly params: PathParams<Path> }

export interface Transport { readonly kind: string }
export interface Store { readonly kind: string }
type Encoding<S extends Schema> = { value: S; codec: Codec } | { value: S & RoundTrips<S>; codec?: never }   // in this order: the error then shows RoundTrips' words
export type DecodePolicy = 'skip' | 'crash' | ErrorPolicy | ((error: Error, bytes: Uint8Array | null, at: Placement) => unknown)
interface TopicOptions {
  keyCodec?: Codec
  partitions?: number
  replicas?: number
  retention?: Duration
  retentionBytes?: number
  compacted?: boolean
  onDecodeError?: DecodePolicy
}
export interface AppOptions {
  broker?: string | Transport
  store?: string | Store
  guarantee?: 'at-least-once' | 'exactly-once'
  codec?: Codec
  partitions?: number
  datadir?: string                                                    // default ./.faust
  standbyReplicas?: number                                            // default 1
  commitInterval?: Duration                                           // default 1 s, under exactly-once 100 ms
  commitEvery?: number                                                // events; no default: the interval alone decides
  drainTimeout?: Duration                                             // default 20 s: less than what orchestrators wait
  sessionTimeout?: Duration                                           // default 10 s: how long a killed worker keeps its partitions
  instanceId?: string                                                 // static membership
}
export interface Running extends AsyncDisposable {
  stop(): Promise<void>
  readonly stopped: Promise<void>                                     // rejects with what brought the worker down
}
type Defaulted<Missing> = Missing extends undefined ? undefined : never
type TableKey = StandardSchemaV1<any, string>

export declare class App implements AsyncDisposable {
  constructor(id: string, options?: AppOptions)
  start(options?: { web?: { port?: number; host?: string } | false }): Promise<Running>
  client(): Promise<AsyncDisposable>
  [Symbol.asyncDispose](): Promise<void>
  topic(name: string | readonly string[] | RegExp): Topic<unknown>
  topic<V extends Schema, K extends Schema = StandardSchemaV1<any, RawKey | null>>(
    name: string | readonly string[] | RegExp,
    options: Encoding<V> & TopicOptions & { key?: K; timestamp?: (value: Output<V>) => number | Date },
  ): Topic<Output<V>, Output<K>>
  channel<V extends Schema, K extends Schema = StandardSchemaV1<any, RawKey | null>>(
    name: string, options: { value: V; key?: K; capacity?: number }): Channel<Output<V>, Output<K>>
  agent<Value, P extends Process, Key = RawKey | null, R extends Schema | undefined = undefined>(
    name: string, options: Source<Value, Key> & AgentOptions<NoInfer<Yielded<P>>, R>, process: (stream: Stream<Value, Key>) => P,
  ): AgentFor<Value, P, Key, R>
  remote<A extends SilentAgent<any, any>>(topic: string): A
  table<V extends Schema, K extends Schema = TableKey,
        Missing extends Output<V> | undefined = undefined, W extends Window | undefined = undefined>(
    name: string, options: Encoding<V> & {
      key?: K; default?: () => Missing; window?: W; partitions?: number; expires?: Duration; idleAfter?: Duration
      merge?: (left: Output<V>, right: Output<V>) => Output<V>
      late?: Destination<Output<V>>                                     // gets the updates that came after expires, with their key
      onWindowClose?: (key: Output<K>, value: Output<V>, window: { start: number; end: number }) => unknown
    },
  ): W extends Window
    ? WindowedTable<Output<K>, Output<V>, Defaulted<Missing>>
    : Table<Output<K>, Output<V>, Defaulted<Missing>>
  globalTable<V extends Schema, K extends Schema = TableKey, Missing extends Output<V> | undefined = undefined>(
    name: string, options: Encoding<V> & { key?: K; default?: () => Missing },
  ): Table<Output<K>, Output<V>, Defaulted<Missing>>
  setTable<V extends Schema, K extends Schema = TableKey>(
    name: string, options: Encoding<V> & { key?: K; partitions?: number }): SetTable<Output<K>, Output<V>>
  timer(name: string, options: { every: Duration; onLeader?: boolean }, run: (signal: AbortSignal) => unknown): void
  crontab(name: string, options: { at: string; timezone?: string; onLeader?: boolean }, run: (signal: AbortSignal) => unknown): void
  task(name: string, options: { onLeader?: boolean }, run: (signal: AbortSignal) => Promise<void>): void
  command<A extends Record<string, Argument<any>> = {}, O extends Record<string, Argument<any>> = {}>(
    name: string, options: { help?: string; arguments?: A; options?: O }, run: (input: Parsed<A> & Parsed<O>) => unknown): void
  page<const Path extends string>(path: Path, options: { routedBy?: [table: Queryable<string, any, any>, param: keyof PathParams<Path>] }, handle: (page: Page<Path>) => Response | Promise<Response>): void
}
export declare function unchecked<T>(): StandardSchemaV1<T, T>
export declare function merge<A, B, Key>(a: Stream<A, Key>, b: Stream<B, Key>): Stream<A | B, Key>
export declare function join<L, R, Key>(left: Stream<L, Key>, right: Stream<R, Key>, options: { within: Duration }): Stream<[L, R], Key>
export declare function joinTable<V, T, Key>(stream: Stream<V, Key>, table: Table<Key, T, any>): Stream<[V, T], Key>
export declare function leftJoin<L, R, Key>(left: Stream<L, Key>, right: Stream<R, Key>, options: { within: Duration }): Stream<[L, R | undefined], Key>
export declare function outerJoin<L, R, Key>(left: Stream<L, Key>, right: Stream<R, Key>, options: { within: Duration }): Stream<[L | undefined, R | undefined], Key>
export declare function leftJoinTable<V, T, Key>(stream: Stream<V, Key>, table: Table<Key, T, any>): Stream<[V, T | undefined], Key>
export declare const json: Codec, text: Codec, raw: Codec, msgpack: Codec
export declare function gzip(codec: Codec): Codec
export declare function pythonFaust(namespace: string): Codec
export interface TestWorker extends AsyncDisposable {
  send<Value, Key>(to: Channel<Value, Key> | SilentAgent<Value, Key>, value: NoInfer<Value>, options?: SendOptions<NoInfer<Key>>): Promise<void>
  received<Value>(topic: Channel<Value, any>): Promise<Value[]>
  advance(by: Duration): Promise<void>
}
export declare function testWorker(app: App, options?: { workers?: number; seed?: number; start?: number | Date }): Promise<TestWorker>
type Sasl = { mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; username: string; password: string } | { mechanism: 'OAUTHBEARER'; token: () => Promise<string> }
export declare function kafka(options: { brokers: string[]; sasl?: Sasl; tls?: boolean | object; clientId?: string }): Transport
export declare function embedded(directory: string): Transport
export declare function leveldb(path: string): Store
