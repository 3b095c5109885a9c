import { expectTypeOf, test } from 'vitest'
import type { RawKey } from '../message/key.js'
import type { Channel, Delivery, Destination, SendOptions, Stream, Topic } from './contract.js'

interface Order {
  id: string
}
interface Gift extends Order {
  to: string
}

test('a delivery is awaited like a promise, and need not be one', () => {
  expectTypeOf<Awaited<Delivery<number>>>().toEqualTypeOf<number>()
  expectTypeOf<Promise<number>>().toExtend<Delivery<number>>()
  expectTypeOf<Delivery<number>>().not.toExtend<Promise<number>>()
})

test('whoever takes the wider value takes the narrower one, and nothing else', () => {
  expectTypeOf<Destination<Order>>().toExtend<Destination<Gift>>()
  expectTypeOf<Destination<Gift>>().not.toExtend<Destination<Order>>()
  expectTypeOf<Topic<Order>>().toExtend<Destination<Gift>>()
  expectTypeOf<Topic<Gift>>().not.toExtend<Destination<Order>>()
})

test('a topic is a channel, and both are destinations whatever their key', () => {
  expectTypeOf<Topic<Order, number>>().toExtend<Channel<Order, number>>()
  expectTypeOf<Channel<Order, number>>().toExtend<Destination<Order>>()
  expectTypeOf<Channel<Order, number>>().not.toExtend<Topic<Order, number>>()
  expectTypeOf<{ send: (order: Order) => Promise<void> }>().toExtend<Destination<Order>>()
})

test('topics of another value or key are not interchangeable', () => {
  // The other way round the compiler's verdict depends on what it has looked at before: streams lead to topics, and topics to streams.
  expectTypeOf<Topic<Gift>>().not.toExtend<Topic<Order>>()
  expectTypeOf<Topic<Order, number>>().not.toExtend<Topic<Order, string>>()
  expectTypeOf<Topic<Order, number>>().not.toExtend<Topic<Order>>()
})

test('a stream of what is narrower is one of what is wider', () => {
  expectTypeOf<Stream<Gift>>().toExtend<Stream<Order>>()
  expectTypeOf<Stream<Gift>>().toExtend<AsyncIterable<Order>>()
  expectTypeOf<Stream<Order>>().not.toExtend<Stream<Gift>>()
  expectTypeOf<Stream<Order>>().not.toExtend<AsyncIterable<Gift>>()
})

test('a key is sent as it is read; without a schema as text or bytes', () => {
  expectTypeOf<NonNullable<SendOptions<RawKey | null>['key']>>().toEqualTypeOf<string | Uint8Array>()
  expectTypeOf<NonNullable<SendOptions<number>['key']>>().toEqualTypeOf<number>()
})
