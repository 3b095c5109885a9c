// Each directive says what the compiler has to say: wrong.test.ts takes them away and looks. `…` is any text.
import { App, retry, skip } from 'faust-ts'
import { z } from 'zod'

const app = new App('wrong-agents')
const Add = z.object({ a: z.number(), b: z.number() })
const add = { a: 1, b: 2 }
const additions = app.topic('adding', { value: Add })
const accounts = app.topic('accounts', { value: Add, key: z.number() })
const words = app.topic('words', { value: z.string() })
const numbers = app.channel('numbers', { value: z.number() })
const adding = app.agent('adding', { topic: additions }, async function* (stream) {
  for await (const { a, b } of stream) yield a + b
})
const keyed = app.agent('keyed', { topic: accounts }, async function* (stream) {
  for await (const { a } of stream) yield { at: new Date(a), big: 1n }
})
const silent = app.agent('silent', { topic: additions }, async stream => {
  for await (const { a } of stream) console.log(a)
})
const shouting = app.agent('shouting', { topic: words }, async function* (stream) {
  for await (const word of stream) yield word.toUpperCase()
})

// An agent that never yields has nothing to answer.
// @ts-expect-error Property 'ask' does not exist on type 'SilentAgent<
silent.ask(add)
// @ts-expect-error Property 'map' does not exist on type 'SilentAgent<
silent.map([add])
// @ts-expect-error Property 'join' does not exist on type 'SilentAgent<
silent.join([add])
// @ts-expect-error Property 'to' does not exist on type 'SilentAgent<
silent.to(words)

// What is asked for is the agent's own value, under its own key.
// @ts-expect-error Property 'b' is missing in type '{ a: number; }' but required in type '{ a: number; b: number; }'
adding.ask({ a: 1 })
// @ts-expect-error Type 'string' is not assignable to type 'number'
adding.cast({ a: 1, b: '2' })
// @ts-expect-error Type 'string' is not assignable to type 'number'
keyed.ask(add, { key: 'text' })
// @ts-expect-error Type 'string' is not assignable to type 'number'
keyed.kvjoin([['text', add]])
// @ts-expect-error Type 'number' is not assignable to type 'string | Uint8Array<ArrayBufferLike> | null
adding.ask(add, { key: 7 })
// @ts-expect-error Type '"soon"' is not assignable to type 'Duration
adding.ask(add, { timeout: 'soon' })
// @ts-expect-error 'replyTo' does not exist in type
adding.ask(add, { replyTo: words })

// What comes back is what JSON leaves of the yield.
// @ts-expect-error Type 'string' is not assignable to type 'Date'
const at: Date = (await keyed.ask(add)).at
// @ts-expect-error Type '{ 'not JSON': bigint; }' is not assignable to type 'bigint'
const big: bigint = (await keyed.ask(add)).big
// @ts-expect-error Type 'number' is not assignable to type 'string'
const sums: string[] = await adding.join([add])

// A sink takes what is yielded.
// @ts-expect-error Argument of type 'Topic<string, … not assignable to parameter of type 'Sink<number>' … Type 'number' is not assignable to type 'string'
adding.to(words)
// @ts-expect-error is not assignable to parameter of type 'Sink<string>' … Type 'string' is not assignable to type 'number'
shouting.to(numbers)
// @ts-expect-error Argument of type 'Agent<string, string, … is not assignable to parameter of type 'Sink<number>'
adding.to(shouting)
// @ts-expect-error Argument of type '(text: string) => string' is not assignable to parameter of type 'Sink<number>'
adding.to((text: string) => text)
// @ts-expect-error Property 'toUpperCase' does not exist on type 'number'
adding.to(n => n.toUpperCase())
// @ts-expect-error Property 'length' does not exist on type 'number'
adding.to(numbers, { key: n => n.length })

// A reply goes to what takes it, and a channel is no address.
// @ts-expect-error Type 'Topic<string, … is not assignable to type … Type 'number' is not assignable to type 'string'
adding.send(add, { replyTo: words })
// @ts-expect-error Type 'Agent<string, string, … is not assignable to type
adding.send(add, { replyTo: shouting })
// @ts-expect-error Type 'Channel<number, … Property 'name' is missing in type 'Channel<number, … but required in type 'Topic<number,
adding.send(add, { replyTo: numbers })
// @ts-expect-error 'replyTo' does not exist in type 'SendOptions<
silent.send(add, { replyTo: words })

// Declarations.
// @ts-expect-error 'concurency' does not exist in type … Did you mean to write 'concurrency'?
app.agent('x', { topic: additions, concurency: 3 }, async stream => void stream)
// @ts-expect-error Type 'string' is not assignable to type 'number'
app.agent('x', { topic: additions, concurrency: '3' }, async () => undefined)
// @ts-expect-error Types of property 'value' are incompatible
app.agent('x', { topic: additions, value: Add }, async () => undefined)
// @ts-expect-error Type 'string' is not assignable to type 'ErrorPolicy'
app.agent('x', { topic: additions, onError: 'skip' }, async () => undefined)
// @ts-expect-error Type '() => ErrorPolicy' is not assignable to type 'ErrorPolicy'
app.agent('x', { topic: additions, onError: skip }, async () => undefined)
// @ts-expect-error Property 'strategy' is missing in type 'ErrorPolicy' but required in type 'Supervision'
app.agent('x', { topic: additions, supervisor: skip() }, async () => undefined)
// @ts-expect-error Property 'attempts' is missing in type '{ backoff: "1s"; }'
retry({ backoff: '1s' })
// @ts-expect-error Type 'Generator<number, void, unknown>' is not assignable to type 'Process'
app.agent('x', { topic: additions }, function* () {
  yield 1
})
// @ts-expect-error Type 'number' is not assignable to type 'Process'
app.agent('x', { topic: additions }, () => 3)
// @ts-expect-error Type 'string' is not assignable to type 'number'
app.agent('x', { topic: additions, reply: z.string() }, async function* (stream) {
  for await (const { a } of stream) yield a
})
app.agent('x', { topic: additions }, async function* (stream) {
  // @ts-expect-error Property 'c' does not exist on type '{ a: number; b: number; }'
  for await (const { c } of stream) yield c
})
app.agent('x', { topic: additions }, async function* (stream) {
  // @ts-expect-error Type 'Stream<{ a: number; b: number; }, RawKey | null>' must have a '[Symbol.iterator]()' method
  for (const { a } of stream) yield a
})
// @ts-expect-error Property 'cast' is missing in type 'Topic<string, … but required in type 'SilentAgent<any, any>'
app.remote<typeof words>('words')
// @ts-expect-error Argument of type 'string' is not assignable to parameter of type '{ a: number; b: number; }'
app.remote<typeof adding>('adding').ask('text')
