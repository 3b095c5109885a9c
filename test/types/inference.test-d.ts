// Inference from one end to the other: the table of the design, row by row. Nothing is annotated but what is expected.
import { expectTypeOf, test } from 'vitest'
import { App, argument, flag, json, option, unchecked } from 'faust-ts'
import type { Agent, Channel, Delivery, Event, Placement, RawKey, SilentAgent, Sink, Stream, Topic } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'

interface Add {
  a: number
  b: number
}

const app = new App('inference')
const AddSchema = z.object({ a: z.number(), b: z.number() })
const additions = app.topic('adding', { value: AddSchema })
const transfers = app.topic('transfers', { value: AddSchema, key: z.string() })
const log = app.topic('log', { value: z.number() })
const words = app.topic('words', { value: z.string() })
const adding = app.agent('adding', { topic: additions }, async function* (stream) {
  for await (const { a, b } of stream) yield a + b
})

test('a topic takes its types from its schemas, whichever library they are of', () => {
  expectTypeOf(additions).toEqualTypeOf<Topic<Add>>()
  expectTypeOf(additions).toEqualTypeOf<Topic<Add, RawKey | null>>()
  expectTypeOf(transfers).toEqualTypeOf<Topic<Add, string>>()
  expectTypeOf(app.topic('v', { value: v.object({ a: v.number(), b: v.number() }), key: v.number() })).toEqualTypeOf<
    Topic<Add, number>
  >()
  expectTypeOf(app.topic('a', { value: type({ a: 'number', b: 'number' }), key: type('string') })).toEqualTypeOf<
    Topic<Add, string>
  >()
  expectTypeOf(app.topic('u', { value: unchecked<Add>() })).toEqualTypeOf<Topic<Add>>()
  expectTypeOf(app.topic('untyped')).toEqualTypeOf<Topic<unknown>>()
  expectTypeOf(app.channel('c', { value: AddSchema, key: z.number() })).toEqualTypeOf<Channel<Add, number>>()
  expectTypeOf(app.topic('one-way', { value: z.string().transform(Number), codec: json })).toEqualTypeOf<Topic<number>>()
})

test('a schema may refer to itself, be branded, optional or a union, and still round-trips', () => {
  const Tree = z.object({
    name: z.string(),
    get children() {
      return z.array(Tree)
    },
  })
  interface Node {
    name: string
    children: Node[]
  }
  expectTypeOf(app.topic('trees', { value: Tree })).toEqualTypeOf<Topic<z.output<typeof Tree>>>()
  expectTypeOf(app.topic('nodes', { value: unchecked<Node>() })).toEqualTypeOf<Topic<Node>>()
  expectTypeOf(app.topic('ids', { value: z.string().brand<'Id'>() })).toEqualTypeOf<Topic<string & z.$brand<'Id'>>>()
  expectTypeOf(app.topic('dates', { value: z.coerce.date().nullable() })).toEqualTypeOf<Topic<Date | null>>()
  expectTypeOf(app.topic('json', { value: z.json() }).send)
    .parameter(0)
    .toEqualTypeOf<z.core.util.JSONType>()
  expectTypeOf(app.topic('optional', { value: z.object({ at: z.coerce.date().optional() }) })).toEqualTypeOf<
    Topic<{ at?: Date | undefined }>
  >()
})

test('an agent takes the types of its stream from its topic, its model, or neither', () => {
  app.agent('of-topic', { topic: additions, concurrency: 3, isolatedPartitions: false }, async stream => {
    expectTypeOf(stream).toEqualTypeOf<Stream<Add>>()
  })
  app.agent('of-keyed-topic', { topic: transfers }, async stream => {
    expectTypeOf(stream).toEqualTypeOf<Stream<Add, string>>()
  })
  app.agent('of-model', { value: AddSchema, key: z.number() }, async stream => {
    expectTypeOf(stream).toEqualTypeOf<Stream<Add, number>>()
  })
  app.agent('of-channel', { topic: app.channel('c', { value: AddSchema }) }, async stream => {
    expectTypeOf(stream).toEqualTypeOf<Stream<Add>>()
  })
  app.agent('of-nothing', {}, async stream => {
    expectTypeOf(stream).toEqualTypeOf<Stream<unknown>>()
  })
})

test('what an agent yields is what an asker gets, as JSON leaves it', async () => {
  expectTypeOf(adding).toEqualTypeOf<Agent<Add, number>>()
  expectTypeOf<Parameters<typeof adding.ask>[0]>().toEqualTypeOf<Add>()
  expectTypeOf(adding.ask({ a: 1, b: 2 })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(adding.cast({ a: 1, b: 2 })).toEqualTypeOf<Delivery<void>>()
  expectTypeOf(adding.send({ a: 1, b: 2 })).toEqualTypeOf<Delivery<Placement>>()
  const dated = app.agent('dated', { topic: transfers }, async function* (stream) {
    for await (const { a } of stream) yield { at: new Date(a), list: [a] as const, maybe: a > 1 ? 'much' : undefined }
  })
  interface Answer {
    at: string
    list: readonly [number]
    maybe: string | undefined
  }
  expectTypeOf(await dated.ask({ a: 1, b: 2 })).branded.toEqualTypeOf<Answer>()
  expectTypeOf(await dated.join([{ a: 1, b: 2 }])).branded.toEqualTypeOf<Answer[]>()
  expectTypeOf(await dated.kvjoin([['k', { a: 1, b: 2 }]])).branded.toEqualTypeOf<Answer[]>()
  for await (const answer of dated.map([{ a: 1, b: 2 }])) expectTypeOf(answer.at).toEqualTypeOf<string>()
})

test('a reply schema gives the answer its own output', () => {
  const reply = z.object({ at: z.coerce.date() })
  const revived = app.agent('revived', { topic: additions, reply, concurrency: 2 }, async function* (stream) {
    for await (const { a } of stream) yield { at: new Date(a) }
  })
  expectTypeOf(revived).toEqualTypeOf<Agent<Add, { at: Date }, RawKey | null, { at: Date }>>()
  expectTypeOf(app.remote<typeof revived>('revived').ask({ a: 1, b: 2 })).toEqualTypeOf<Promise<{ at: Date }>>()
})

test('one function serves agents of all topics that have what it needs', () => {
  async function* firstOf<Key>(stream: Stream<{ a: number }, Key>) {
    for await (const { a } of stream) yield a
  }
  const reused = app.agent('reused', { topic: additions }, firstOf)
  const reusedKeyed = app.agent('reused-keyed', { topic: transfers }, firstOf)
  expectTypeOf(reused.ask({ a: 1, b: 2 })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(reusedKeyed.ask({ a: 1, b: 2 }, { key: 'k' })).toEqualTypeOf<Promise<number>>()
})

test('an agent that never yields is silent: it has nothing to ask for', () => {
  const loop = app.agent('loop', { topic: additions }, async stream => void stream)
  const generator = app.agent('generator', { topic: additions }, async function* (stream) {
    for await (const { a } of stream) console.log(a)
  })
  expectTypeOf(loop).toEqualTypeOf<SilentAgent<Add>>()
  expectTypeOf(generator).toEqualTypeOf<SilentAgent<Add>>()
  expectTypeOf<keyof typeof loop>().toEqualTypeOf<'name' | 'cast' | 'send'>()
})

test('sinks and reply addresses take what is yielded', () => {
  adding
    .to(n => expectTypeOf(n).toEqualTypeOf<number>())
    .to(async n => expectTypeOf(n).toEqualTypeOf<number>())
    .to(log, { key: n => expectTypeOf(n).toEqualTypeOf<number>() })
  expectTypeOf(adding.to(log)).toEqualTypeOf<typeof adding>()
  expectTypeOf(log).toExtend<Sink<number>>()
  expectTypeOf(words).not.toExtend<Sink<number>>()
  type ReplyTo = NonNullable<NonNullable<Parameters<typeof adding.send>[1]>['replyTo']>
  expectTypeOf(log).toExtend<ReplyTo>()
  expectTypeOf(words).not.toExtend<ReplyTo>()
})

test('operators carry the types on', () => {
  const stream = transfers.stream()
  expectTypeOf(stream.events()).toEqualTypeOf<AsyncIterable<Event<Add, string>>>()
  expectTypeOf(stream.entries()).toEqualTypeOf<AsyncIterable<[string, Add]>>()
  expectTypeOf(stream.enumerate()).toEqualTypeOf<AsyncIterable<[number, Add]>>()
  expectTypeOf(stream.batch(10, { within: '1s' })).toEqualTypeOf<AsyncIterable<Add[]>>()
  expectTypeOf(stream.map(({ a }) => a)).toEqualTypeOf<Stream<number, string>>()
  expectTypeOf(stream.map(async ({ a }) => [a])).toEqualTypeOf<Stream<number[], string>>()
  expectTypeOf(stream.filter(({ a }) => a > 1)).toEqualTypeOf<Stream<Add, string>>()
  expectTypeOf(
    stream
      .tap(({ a }) => a)
      .noack()
      .rateLimit(1, '1s')
      .echo(additions),
  ).toEqualTypeOf<Stream<Add, string>>()
  expectTypeOf(stream.through(transfers)).toEqualTypeOf<Stream<Add, string>>()
  const shapes = app.topic('shapes', { value: unchecked<{ kind: 'dot' } | { kind: 'circle'; radius: number }>() }).stream()
  expectTypeOf(shapes.filter(shape => shape.kind === 'circle')).toEqualTypeOf<Stream<{ kind: 'circle'; radius: number }>>()
})

test('a topic finds the time of a message in its value', () => {
  app.topic('timed', {
    value: z.object({ at: z.coerce.date() }),
    timestamp: value => {
      expectTypeOf(value).toEqualTypeOf<{ at: Date }>()
      return value.at
    },
  })
})

test('a command is given what its schemas make of the words', () => {
  app.command(
    'send-value',
    {
      arguments: { a: argument(z.coerce.number()), day: argument(v.picklist(['today', 'tomorrow'])) },
      options: { print: flag(), count: option(z.coerce.number().optional()), name: option(type('string')) },
    },
    input => {
      type Input = { a: number; day: 'today' | 'tomorrow'; print: boolean; count: number | undefined; name: string }
      expectTypeOf(input).branded.toEqualTypeOf<Input>()
    },
  )
  app.command('bare', {}, input => expectTypeOf(input).branded.toEqualTypeOf<{}>())
})

test('a test worker sends and receives what a topic has', async () => {
  const worker = await testWorker(app)
  expectTypeOf(await worker.received(additions)).toEqualTypeOf<Add[]>()
  expectTypeOf(worker.send(adding, { a: 1, b: 2 })).toEqualTypeOf<Promise<void>>()
})
