// The type spine of the design, compared with what src has of it. Whoever builds more of it moves a name from the lists below.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { test } from 'vitest'
import type * as Ours from 'faust-ts'
import type * as Testing from 'faust-ts/testing'
import type * as Spine from './spine.js'

type Both<Left, Right> = [Left] extends [Right]
  ? [Right] extends [Left]
    ? true
    : 'the spine is not assignable to ours'
  : 'ours is not assignable to the spine'
type Wider<Left, Right> = [Right] extends [Left] ? true : 'the spine is not assignable to ours'
type SameKeys<Left, Right, Missing extends PropertyKey = never> = Both<keyof Left, Exclude<keyof Right, Missing>>
declare function holds<_Claim extends true>(): void

interface Order {
  readonly id: string
  readonly total?: number
}

test('events and what is sent are the same', () => {
  holds<Both<Ours.Duration, Spine.Duration>>()
  holds<Both<Ours.RawKey, Spine.RawKey>>()
  holds<Both<Ours.Placement, Spine.Placement>>()
  holds<Both<Ours.Event<Order>, Spine.Event<Order>>>()
  holds<Both<Ours.Event<Order, number>, Spine.Event<Order, number>>>()
  holds<Both<Ours.SendOptions<Ours.RawKey | null>, Spine.SendOptions<Spine.RawKey | null>>>()
  holds<Both<Ours.SendOptions<number>, Spine.SendOptions<number>>>()
  holds<Both<Ours.SendOptions<any>, Spine.SendOptions<any>>>()
  holds<Both<Ours.Delivery, Spine.Delivery>>()
  holds<Both<Ours.Delivery<void>, Spine.Delivery<void>>>()
  holds<Both<Ours.Destination<Order>, Spine.Destination<Order>>>()
  holds<Both<Ours.Sink<Order>, Spine.Sink<Order>>>()
})

test('they are the same whatever the value and the key', () => {
  const forAll = <Value, Key>(): void => {
    holds<Both<Ours.Event<Value, Key>, Spine.Event<Value, Key>>>()
    holds<Both<Ours.Destination<Value>, Spine.Destination<Value>>>()
    holds<Both<Ours.Sink<Value>, Spine.Sink<Value>>>()
    holds<Wider<Ours.Stream<Value, Key>, Spine.Stream<Value, Key>>>()
    holds<Wider<Ours.Channel<Value, Key>, Spine.Channel<Value, Key>>>()
    holds<Wider<Ours.Topic<Value, Key>, Spine.Topic<Value, Key>>>()
    holds<Both<Ours.SilentAgent<Value, Key>, Spine.SilentAgent<Value, Key>>>()
  }
  void forAll
})

type OurStream = Ours.Stream<Order, string>
type SpineStream = Spine.Stream<Order, string>
/** Members whose own type has no stream in it. */
type Leaves = 'events' | 'entries' | 'batch' | 'enumerate' | 'signal' | typeof Symbol.asyncIterator
type Operators = 'map' | 'filter' | 'tap' | 'echo' | 'rateLimit' | 'noack'

test('a stream is the same but for groupBy', () => {
  holds<SameKeys<OurStream, SpineStream, 'groupBy'>>()
  holds<Both<keyof OurStream, Leaves | Operators | 'through'>>()
  holds<Wider<OurStream, SpineStream>>()
  holds<Both<Pick<OurStream, Leaves>, Pick<SpineStream, Leaves>>>()
  holds<Both<Parameters<OurStream['map']>, Parameters<SpineStream['map']>>>()
  holds<Both<Parameters<OurStream['filter']>, Parameters<SpineStream['filter']>>>()
  holds<Both<Parameters<OurStream['tap']>, Parameters<SpineStream['tap']>>>()
  holds<Both<Parameters<OurStream['echo']>, Parameters<SpineStream['echo']>>>()
  holds<Both<Parameters<OurStream['rateLimit']>, Parameters<SpineStream['rateLimit']>>>()
  holds<Both<Parameters<OurStream['noack']>, Parameters<SpineStream['noack']>>>()
  holds<Both<ReturnType<OurStream['tap']>, OurStream>>()
  holds<Both<ReturnType<OurStream['through']>, OurStream>>()
})

test('channels and topics are the same but for the streams they make', () => {
  holds<SameKeys<Ours.Channel<Order>, Spine.Channel<Order>>>()
  holds<SameKeys<Ours.Topic<Order>, Spine.Topic<Order>>>()
  holds<Wider<Ours.Channel<Order, number>, Spine.Channel<Order, number>>>()
  holds<Wider<Ours.Topic<Order, number>, Spine.Topic<Order, number>>>()
  holds<Both<Ours.Channel<Order>['send'], Spine.Channel<Order>['send']>>()
  holds<Both<Ours.Topic<Order>['send'], Spine.Topic<Order>['send']>>()
  holds<Both<Ours.Topic<Order, number>['send'], Spine.Topic<Order, number>['send']>>()
  holds<Both<Ours.Topic<Order, any>['send'], Spine.Topic<Order, any>['send']>>()
})

type OurAgent = Ours.Agent<Order, Date, string>
type SpineAgent = Spine.Agent<Order, Date, string>

test('agents are the same', () => {
  holds<SameKeys<OurAgent, SpineAgent>>()
  holds<Both<Ours.SilentAgent<Order>, Spine.SilentAgent<Order>>>()
  holds<Both<Ours.SilentAgent<Order, number>, Spine.SilentAgent<Order, number>>>()
  holds<Both<Omit<OurAgent, 'to' | 'send'>, Omit<SpineAgent, 'to' | 'send'>>>()
  holds<Both<Parameters<OurAgent['to']>, Parameters<SpineAgent['to']>>>()
  holds<Both<ReturnType<OurAgent['send']>, ReturnType<SpineAgent['send']>>>()
  holds<Both<keyof SendingOptions<OurAgent>, keyof SendingOptions<SpineAgent>>>()
  holds<Both<Ours.AskOptions, Spine.AskOptions>>()
})

type SendingOptions<A extends { send: (...given: any[]) => unknown }> = NonNullable<Parameters<A['send']>[1]>

test('an agent is what its function makes of it, as in the spine', () => {
  type Yields<Reply> = AsyncGenerator<Reply, void, unknown>
  holds<Both<Ours.AgentFor<Order, Promise<void>, string>, Spine.AgentFor<Order, Promise<void>, string>>>()
  holds<Both<Ours.AgentFor<Order, Yields<never>, string>, Ours.SilentAgent<Order, string>>>()
  holds<Both<Ours.AgentFor<Order, Yields<Date>, string>, Ours.Agent<Order, Date, string, string>>>()
  holds<Both<Answer<Ours.AgentFor<Order, Yields<Date>, string>>, Answer<Spine.AgentFor<Order, Yields<Date>, string>>>>()
  holds<Both<Answer<Ours.AgentFor<Order, Yields<Order>, string>>, Answer<Spine.AgentFor<Order, Yields<Order>, string>>>>()
})

type Answer<A> = A extends { ask(...given: any[]): Promise<infer Value> } ? Value : never

test('models and codecs are the same', () => {
  holds<Both<Ours.Schema, Spine.Schema>>()
  holds<Both<Ours.Codec, Spine.Codec>>()
  holds<Both<typeof Ours.unchecked, typeof Spine.unchecked>>()
  holds<Both<typeof Ours.json, typeof Spine.json>>()
  holds<Both<typeof Ours.text, typeof Spine.text>>()
  holds<Both<typeof Ours.raw, typeof Spine.raw>>()
  holds<Both<typeof Ours.msgpack, typeof Spine.msgpack>>()
  holds<Both<typeof Ours.gzip, typeof Spine.gzip>>()
  holds<Both<typeof Ours.pythonFaust, typeof Spine.pythonFaust>>()
  holds<Both<Ours.RoundTrips<StandardSchemaV1<Order>>, Spine.RoundTrips<StandardSchemaV1<Order>>>>()
  holds<Both<Ours.RoundTrips<StandardSchemaV1<string, number>>, Spine.RoundTrips<StandardSchemaV1<string, number>>>>()
})

test('policies and supervisors are the same', () => {
  holds<Both<Ours.ErrorPolicy, Spine.ErrorPolicy>>()
  holds<Both<Ours.DecodePolicy, Spine.DecodePolicy>>()
  holds<Both<typeof Ours.skip, typeof Spine.skip>>()
  holds<Both<typeof Ours.crash, typeof Spine.crash>>()
  holds<Wider<Parameters<typeof Ours.deadLetter>[0], Parameters<typeof Spine.deadLetter>[0]>>()
  holds<Both<ReturnType<typeof Ours.deadLetter>, ReturnType<typeof Spine.deadLetter>>>()
  holds<Both<typeof Ours.retry, typeof Spine.retry>>()
  holds<Both<Ours.Supervision, Spine.Supervision>>()
  holds<Both<typeof Ours.oneForOne, typeof Spine.oneForOne>>()
  holds<Both<typeof Ours.oneForAll, typeof Spine.oneForAll>>()
  holds<Both<typeof Ours.forfeitOneForOne, typeof Spine.forfeitOneForOne>>()
  holds<Both<typeof Ours.forfeitOneForAll, typeof Spine.forfeitOneForAll>>()
  holds<Both<typeof Ours.crashing, typeof Spine.crashing>>()
})

test('commands are the same', () => {
  holds<Both<Ours.Argument<number>, Spine.Argument<number>>>()
  holds<Both<typeof Ours.argument, typeof Spine.argument>>()
  holds<Both<typeof Ours.option, typeof Spine.option>>()
  holds<Both<typeof Ours.flag, typeof Spine.flag>>()
  holds<Both<Ours.App['command'], Spine.App['command']>>()
})

type NotBuiltOnApp = 'table' | 'globalTable' | 'setTable' | 'page'
/** For the command line and for tests, which know the public surface only. */
type Beyond = 'id' | 'describe' | 'connect' | 'decode' | 'override'
type NotBuiltAsOption = 'store' | 'standbyReplicas'

test('an app has what the spine has, as far as it is built', () => {
  holds<Both<Exclude<keyof Ours.App, Beyond>, Exclude<keyof Spine.App, NotBuiltOnApp>>>()
  holds<Both<Ours.App['timer'], Spine.App['timer']>>()
  holds<Both<Ours.App['crontab'], Spine.App['crontab']>>()
  holds<Both<Ours.App['task'], Spine.App['task']>>()
  holds<Both<Ours.App['client'], Spine.App['client']>>()
  holds<Both<ReturnType<Ours.App['start']>, ReturnType<Spine.App['start']>>>()
  holds<Both<Ours.Running, Spine.Running>>()
  holds<Both<Ours.App[typeof Symbol.asyncDispose], Spine.App[typeof Symbol.asyncDispose]>>()
  holds<Wider<Ours.App['topic'], Spine.App['topic']>>()
  holds<Wider<Ours.App['channel'], Spine.App['channel']>>()
  holds<Both<Ours.App['remote'], Spine.App['remote']>>()
})

test('the options of an app are the same, as far as they are built', () => {
  type Same = Exclude<keyof Spine.AppOptions, NotBuiltAsOption>
  type Alike = Exclude<Same, 'broker' | 'guarantee'>
  holds<Both<Exclude<keyof Ours.AppOptions, 'logger'>, Same>>()
  holds<Both<Pick<Ours.AppOptions, Alike>, Pick<Spine.AppOptions, Alike>>>()
  holds<Both<Ours.AppOptions['guarantee'], 'at-least-once' | undefined>>()
  holds<Both<Ours.AppOptions['broker'], string | Ours.Transport | undefined>>()
})

test('a test worker is the same', () => {
  type Options = NonNullable<Parameters<typeof Testing.testWorker>[1]>
  holds<SameKeys<Testing.TestWorker, Spine.TestWorker>>()
  holds<Wider<Testing.TestWorker['send'], Spine.TestWorker['send']>>()
  holds<Both<Parameters<Testing.TestWorker['advance']>, Parameters<Spine.TestWorker['advance']>>>()
  holds<Both<Options, NonNullable<Parameters<typeof Spine.testWorker>[1]>>>()
})
