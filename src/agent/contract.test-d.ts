import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expectTypeOf, test } from 'vitest'
import type { Destination, Topic } from '../stream/contract.js'
import type { Agent, AgentFor, SilentAgent, Sink, Yielded } from './contract.js'

interface Order {
  id: string
}
type Yields<Reply> = AsyncGenerator<Reply, void, undefined>

test('what a function yields makes the agent', () => {
  expectTypeOf<Yielded<Yields<Order>>>().toEqualTypeOf<Order>()
  expectTypeOf<Yielded<Promise<void>>>().toBeNever()
  expectTypeOf<AgentFor<Order, Yields<Date>, string>>().toEqualTypeOf<Agent<Order, Date, string, string>>()
  expectTypeOf<AgentFor<Order, Yields<1 | 'a'>, string>>().toEqualTypeOf<Agent<Order, 1 | 'a', string>>()
  expectTypeOf<AgentFor<Order, AsyncIterable<boolean>, string>>().toEqualTypeOf<Agent<Order, boolean, string>>()
})

test('without a yield it is silent', () => {
  expectTypeOf<AgentFor<Order, Promise<void>, string>>().toEqualTypeOf<SilentAgent<Order, string>>()
  expectTypeOf<AgentFor<Order, Yields<never>, string>>().toEqualTypeOf<SilentAgent<Order, string>>()
})

test('a reply schema says what the answer is', () => {
  type Reviving = AgentFor<Order, Yields<Date>, string, StandardSchemaV1<string, Date>>
  expectTypeOf<Reviving>().toEqualTypeOf<Agent<Order, Date, string, Date>>()
})

test('a sink of something wider takes what is narrower, not the other way round', () => {
  expectTypeOf<Topic<number | string>>().toExtend<Sink<number>>()
  expectTypeOf<Topic<number>>().not.toExtend<Sink<number | string>>()
  expectTypeOf<(value: unknown) => void>().toExtend<Sink<number>>()
  expectTypeOf<(value: string) => void>().not.toExtend<Sink<number>>()
  expectTypeOf<SilentAgent<number | string>>().toExtend<Destination<number>>()
  expectTypeOf<SilentAgent<number>>().not.toExtend<Destination<number | string>>()
  expectTypeOf<Agent<number, string>>().not.toExtend<Destination<string>>()
  expectTypeOf<Agent<number, string>>().toExtend<SilentAgent<number>>()
})
