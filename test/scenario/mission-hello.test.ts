// The first programs of Faust's guide to agents, as their twins in TypeScript.
import { expect, expectTypeOf, test } from 'vitest'
import { App, argument, flag, type Agent, type SilentAgent, type Stream } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

const Add = z.object({ a: z.number(), b: z.number() })
type Add = z.infer<typeof Add>

test('an agent is a function that iterates over a stream', async () => {
  const app = new App('example')
  const seen: unknown[] = []
  const myAgent = app.agent('my-agent', {}, async stream => {
    for await (const event of stream) seen.push(event)
  })
  await using worker = await testWorker(app)
  await worker.send(myAgent, { any: ['JSON'] })
  await worker.send(myAgent, 'and text')
  expect(seen).toEqual([{ any: ['JSON'] }, 'and text'])
})

test('an agent without a topic reads the one that has its name, behind the name of the app', async () => {
  const app = new App('example')
  const adder = app.agent('adder', { value: Add }, async function* (stream) {
    for await (const { a, b } of stream) yield a + b
  })
  expect(app.describe().topics.map(({ name }) => name)).toEqual(['example-adder'])
  await using _worker = await testWorker(app)
  expect(await app.remote<typeof adder>('example-adder').ask({ a: 2, b: 3 })).toBe(5)
})

test('the agent that adds numbers answers the program that sends to it', async () => {
  const app = new App('agent-example')
  const topic = app.topic('adding', { value: Add })
  const adding = app.agent('adding', { topic }, async function* (stream) {
    for await (const value of stream) yield value.a + value.b
  })
  await using worker = await testWorker(app)
  expect(await adding.ask({ a: 4, b: 4 })).toBe(8)
  expect(await worker.received(topic)).toEqual([{ a: 4, b: 4 }])
})

test('a command rewrites that program, without arguments and with them', async () => {
  const app = new App('agent-example')
  const printed: string[] = []
  const adding = app.agent('adding', { value: Add }, async function* (stream) {
    for await (const { a, b } of stream) yield a + b
  })
  app.command('send-sum', {}, async () => {
    printed.push(String(await adding.ask({ a: 4, b: 4 })))
  })
  app.command(
    'send-value',
    {
      help: 'Ask the adding agent for a sum',
      arguments: {
        a: argument(z.coerce.number(), 'First number to add'),
        b: argument(z.coerce.number(), 'Second number to add'),
      },
      options: { print: flag('Enable debug output') },
    },
    async ({ a, b, print }) => {
      expectTypeOf({ a, b, print }).toEqualTypeOf<{ a: number; b: number; print: boolean }>()
      if (print) printed.push(`Sending Add(${a}, ${b})...`)
      printed.push(String(await adding.ask({ a, b })))
    },
  )
  const [sendSum, sendValue] = app.describe().commands
  const words = { a: '4', b: '8', print: 'true' }
  const parsers = [...(sendValue?.arguments ?? []), ...(sendValue?.options ?? [])]
  const input = Object.fromEntries(parsers.map(({ name, parse }) => [name, parse(words[name as keyof typeof words])]))

  await using _worker = await testWorker(app)
  await sendSum?.run({})
  await sendValue?.run(input)
  await sendValue?.run({ ...input, print: false })
  expect(printed).toEqual(['8', 'Sending Add(4, 8)...', '12', '12'])
})

test('types may be written out, and hold without that', async () => {
  const app = new App('typed')
  async function* add(stream: Stream<Add>): AsyncIterable<number> {
    for await (const value of stream) yield value.a + value.b
  }
  const written = app.agent('written', { value: Add }, add)
  const inferred = app.agent('inferred', { value: Add }, async function* (stream) {
    expectTypeOf(stream).toEqualTypeOf<Stream<Add>>()
    for await (const value of stream) yield value.a + value.b
  })
  expectTypeOf(inferred).toEqualTypeOf<Agent<Add, number>>()
  expectTypeOf(written).toEqualTypeOf<Agent<Add, number>>()

  const plain = app.agent('plain', { value: Add }, async function* (stream: AsyncIterable<Add>) {
    // @ts-expect-error -- a stream that is typed as an AsyncIterable has no methods of a stream
    void stream.through
    for await (const value of stream) yield value.a + value.b
  })
  const silent = app.agent('silent', { value: Add }, async stream => {
    for await (const _value of stream);
  })
  expectTypeOf(silent).toEqualTypeOf<SilentAgent<Add>>()
  // @ts-expect-error -- an agent that never yields has nothing to answer
  void silent.ask

  await using _worker = await testWorker(app)
  const answers = await Promise.all([written, inferred, plain].map(agent => agent.ask({ a: 1, b: 1 })))
  expect(answers).toEqual([2, 2, 2])
})
