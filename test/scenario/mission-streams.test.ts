// Streams and topics of Faust's guide to agents: without an agent, under the hood, in tasks, several names, serializers.
import { expect, expectTypeOf, test } from 'vitest'
import { App, gzip, json, text, type RawKey, type Stream, type Topic } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

test('a stream is processed without an agent, by any function of the program', async () => {
  const app = new App('noagents')
  const topic = app.topic('noagents')
  const received: unknown[] = []
  const myStream = async (): Promise<void> => {
    for await (const event of topic.stream()) received.push(event)
  }
  const worker = await testWorker(app)
  const done = myStream()
  await worker.send(topic, 'one')
  await worker.send(topic, { two: 2 })
  await worker[Symbol.asyncDispose]()
  await done
  expect(received).toEqual(['one', { two: 2 }])
})

test('what app.agent does can be written by hand, as a task over a stream', async () => {
  const app = new App('under-the-hood')
  const topic = app.topic('source', { value: z.number() })
  const replies = app.topic('replies', { value: z.number() })

  const agent = <Value, Result>(
    from: Topic<Value>,
    process: (stream: Stream<Value>) => AsyncIterable<Result>,
    maybeReplyToCaller: (result: Result) => void,
  ): void =>
    app.task('start-agent', {}, async () => {
      for await (const result of process(from.stream())) maybeReplyToCaller(result)
    })
  const myStream = async function* (stream: Stream<number>): AsyncIterable<number> {
    for await (const event of stream) yield event * 2
  }
  agent(topic, myStream, result => void replies.send(result))

  await using worker = await testWorker(app)
  for (const n of [1, 2, 3]) await worker.send(topic, n)
  expect(await worker.received(replies)).toEqual([2, 4, 6])
})

test('a task that iterates over a stream runs from the start of the app to its end', async () => {
  const app = new App('tasks')
  const topic1 = app.topic('foo1', { value: z.number() })
  const seen: unknown[] = []
  app.task('my-stream', {}, async signal => {
    for await (const event of topic1.stream()) seen.push(event)
    seen.push(signal.aborted ? 'told to stop' : 'ended')
  })
  const worker = await testWorker(app)
  await worker.send(topic1, 1)
  await worker.send(topic1, 2)
  await worker[Symbol.asyncDispose]()
  expect(seen).toEqual([1, 2, 'told to stop'])
})

test('a topic of several names is read as one, and its first name is the one that is written to', async () => {
  const app = new App('several')
  const Model = z.object({ id: z.number() })
  const both = app.topic(['topic_name1', 'topic_name2'], { key: Model, value: Model })
  const second = app.topic('topic_name2', { key: Model, value: Model })
  const first = app.topic('topic_name1', { key: Model, value: Model })
  const reading = app.agent('reading', { topic: both }, async function* (stream) {
    for await (const { topic, key, value } of stream.events()) {
      expectTypeOf(key).toEqualTypeOf<{ id: number }>()
      yield `${topic} ${key.id} ${value.id}`
    }
  })
  const log = app.topic('log', { value: z.string() })
  reading.to(log, { key: () => null })

  await using worker = await testWorker(app)
  await worker.send(second, { id: 2 }, { key: { id: 20 } })
  await worker.send(both, { id: 1 }, { key: { id: 10 } })
  expect(await worker.received(first)).toEqual([{ id: 1 }])
  expect(await worker.received(log)).toEqual(['topic_name2 20 2', 'topic_name1 10 1'])
  expect(await reading.ask({ id: 3 }, { key: { id: 30 } })).toBe('topic_name1 30 3')
})

test('keys and values are described by a model, by a codec, or by nothing', async () => {
  const app = new App('serializers', { codec: text })
  const model = app.topic('model', { value: z.object({ at: z.coerce.date() }), codec: json })
  const codec = app.topic('codec', { value: z.array(z.number()), codec: gzip(json), key: z.string(), keyCodec: text })
  const nothing = app.topic('nothing')
  expectTypeOf(model).toEqualTypeOf<Topic<{ at: Date }>>()
  expectTypeOf(codec).toEqualTypeOf<Topic<number[], string>>()
  expectTypeOf(nothing).toEqualTypeOf<Topic<unknown, RawKey | null>>()

  await using worker = await testWorker(app)
  await worker.send(model, { at: new Date(0) })
  await worker.send(codec, [1, 2], { key: 'k' })
  await worker.send(nothing, 'the serializer of the app')
  expect(await worker.received(model)).toEqual([{ at: new Date(0) }])
  expect(await worker.received(codec)).toEqual([[1, 2]])
  expect(await worker.received(nothing)).toEqual(['the serializer of the app'])
})

test('messages with the same key come to the same reader, those without take turns', async () => {
  const app = new App('partitioned')
  const scores = app.topic('scores', { key: z.string().nullable(), value: z.number(), partitions: 4 })
  const places = new Map<string | null, Set<number>>()
  app.agent('noting', { topic: scores }, async stream => {
    for await (const { key, partition } of stream.events()) places.set(key, (places.get(key) ?? new Set()).add(partition))
  })
  await using worker = await testWorker(app, { workers: 2 })
  for (let score = 0; score < 24; score++) {
    await worker.send(scores, score, { key: `account-${score % 6}` })
    await worker.send(scores, score)
  }
  expect(places.get(null)).toEqual(new Set([0, 1, 2, 3]))
  for (let account = 0; account < 6; account++) expect(places.get(`account-${account}`)?.size).toBe(1)
})
