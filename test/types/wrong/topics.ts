// Each directive says what the compiler has to say: wrong.test.ts takes them away and looks. `…` is any text.
import { App, json, unchecked } from 'faust-ts'
import { z } from 'zod'

const app = new App('wrong-topics')
const Add = z.object({ a: z.number(), b: z.number() })
const additions = app.topic('adding', { value: Add })
const accounts = app.topic('accounts', { value: Add, key: z.number() })
const local = app.channel('local', { value: Add })

// @ts-expect-error Property 'b' is missing in type '{ a: number; }' but required in type '{ a: number; b: number; }'
additions.send({ a: 1 })
// @ts-expect-error Property 'b' is missing in type '{ a: number; }' but required in type '{ a: number; b: number; }'
local.send({ a: 1 })
// @ts-expect-error Type 'string' is not assignable to type 'number'
accounts.send({ a: 1, b: 2 }, { key: 'text' })
// @ts-expect-error 'headrs' does not exist in type 'SendOptions<
additions.send({ a: 1, b: 2 }, { headrs: {} })
// @ts-expect-error Type 'number' is not assignable to type 'string'
additions.send({ a: 1, b: 2 }, { headers: { attempts: 3 } })
// @ts-expect-error Argument of type 'null' is not assignable to parameter of type '{ a: number; b: number; }'
additions.send(null)
// @ts-expect-error 'placement' is of type 'unknown'
local.send({ a: 1, b: 2 }).then(placement => placement.offset)
// @ts-expect-error Property 'name' does not exist on type 'Channel<
console.log(local.name)

// @ts-expect-error 'partition' does not exist in type … Did you mean to write 'partitions'?
app.topic('x', { value: Add, partition: 3 })
// @ts-expect-error 'valeu' does not exist in type … Did you mean to write 'value'?
app.topic('x', { valeu: Add })
// @ts-expect-error Type '"7 days"' is not assignable to type 'Duration
app.topic('x', { value: Add, retention: '7 days' })
// @ts-expect-error 'a' does not exist in type 'StandardSchemaV1<any, any>'
app.topic('x', { value: { a: 1 } })
// @ts-expect-error Type 'string' is not assignable to type 'number | Date'
app.topic('x', { value: Add, timestamp: ({ a }) => String(a) })
// @ts-expect-error Property 'c' does not exist on type '{ a: number; b: number; }'
app.topic('x', { value: Add, timestamp: ({ c }) => c })
// @ts-expect-error Type '"ignore"' is not assignable to type 'DecodePolicy
app.topic('x', { value: Add, onDecodeError: 'ignore' })
// @ts-expect-error 'codec' does not exist in type
app.channel('x', { value: Add, codec: json })
// @ts-expect-error Type 'number' is not assignable to type 'string'
const stream: AsyncIterable<{ a: string }> = app.topic('x', { value: unchecked<{ a: number }>() }).stream()

app.agent('x', { topic: additions }, async received => {
  // @ts-expect-error Property 'take' does not exist on type 'Stream<
  received.take(10)
  // @ts-expect-error Expected 2 arguments, but got 1
  received.batch(10)
  // @ts-expect-error is not assignable to parameter of type 'Topic<{ a: number; b: number; }, RawKey | null>'
  received.through(app.topic('words', { value: z.string() }))
  // @ts-expect-error is not assignable to parameter of type 'Topic<{ a: number; b: number; }, RawKey | null>'
  received.through(accounts)
  // @ts-expect-error is not assignable to parameter of type 'Destination<{ a: number; b: number; }>'
  received.echo(app.topic('words', { value: z.string() }))
  // @ts-expect-error Property 'ack' does not exist on type 'Event<
  for await (const event of received.events()) event.ack()
  // @ts-expect-error Cannot assign to 'value' because it is a read-only property
  for await (const event of received.events()) event.value = { a: 1, b: 2 }
  // @ts-expect-error Property 'a' does not exist on type 'number'
  for await (const n of received.map(({ a }) => a)) console.log(n.a)
})
