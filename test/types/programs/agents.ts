// What the design says about agents, written down as a user would: nothing is annotated.
import {
  App,
  crash,
  crashing,
  deadLetter,
  forfeitOneForAll,
  forfeitOneForOne,
  oneForAll,
  oneForOne,
  retry,
  skip,
  type Stream,
} from 'faust-ts'
import { z } from 'zod'

export const app = new App('agents')
const Add = z.object({ a: z.number(), b: z.number() })
const additions = app.topic('adding', { value: Add })
const transfers = app.topic('transfers', { key: z.string(), value: Add })
const log = app.topic('log', { value: z.number() })
const alerts = app.channel('alerts', { value: z.number() })
const reports = app.agent('reports', { value: z.number() }, async numbers => {
  for await (const n of numbers) console.log(n)
})

export const adding = app.agent('adding', { topic: additions }, async function* (stream) {
  for await (const { a, b } of stream) yield a + b
})
export const adder = app.agent('adder', { value: Add }, async function* (stream) {
  for await (const { a, b } of stream) yield { sum: a + b, at: new Date() }
})
export const keyed = app.agent('keyed', { value: Add, key: z.number() }, async function* (stream) {
  for await (const [key, { a }] of stream.entries()) yield [key, a] as const
})
export const untyped = app.agent('untyped', {}, async function* (stream) {
  for await (const value of stream) yield value
})
export const ofChannel = app.agent('of-channel', { topic: alerts }, async function* (numbers) {
  for await (const n of numbers) if (n > 3) yield { n }
})
export const imports = app.agent('imports', { topic: additions, concurrency: 10 }, async articles => {
  for await (const article of articles) await Promise.resolve(article.a)
})
export const neverYields = app.agent('never-yields', { topic: additions }, async function* (stream) {
  for await (const { a } of stream) console.log(a)
})
export const several = app.agent('several', { topic: transfers, isolatedPartitions: true }, async function* (stream) {
  for await (const { key, value } of stream.events()) yield value.a > 1 ? key : value.b
})
export const batches = app.agent('batches', { topic: transfers }, async function* (stream) {
  for await (const all of stream.batch(100, { within: '1s' })) yield all.map(({ a }) => a)
})
export const revived = app.agent(
  'revived',
  { topic: additions, reply: z.object({ at: z.coerce.date(), sum: z.number() }) },
  async function* (stream) {
    for await (const { a, b } of stream) yield { at: new Date(), sum: a + b }
  },
)
export const transformed = app.agent('transformed', { topic: additions, reply: z.string() }, async function* (stream) {
  for await (const { a, b } of stream) yield String(a + b)
})
export const policies = [
  skip(),
  crash(),
  deadLetter(),
  deadLetter(log),
  retry({ attempts: 5, backoff: '200ms', then: deadLetter() }),
].map((onError, at) => app.agent(`policy-${at}`, { topic: additions, onError }, async stream => void stream.signal))
export const supervised = [
  oneForOne({ restarts: 100, within: '1s' }),
  oneForAll(),
  forfeitOneForOne(),
  forfeitOneForAll({ restarts: 3 }),
  crashing(),
].map((supervisor, at) => app.agent(`supervised-${at}`, { topic: additions, supervisor }, async stream => void stream.signal))

export const doubling = app
  .agent('doubling', { value: z.number() }, async function* (numbers) {
    for await (const n of numbers) yield n * 2
  })
  .to(log)
  .to(alerts)
  .to(n => n.toFixed(2))
  .to(async n => void (await Promise.resolve(n + 1)))
  .to(reports)
  .to(log, { key: n => n % 2 })

/** One function for agents of all topics that have what it needs. */
async function* firstOf<Key>(stream: Stream<{ a: number }, Key>) {
  for await (const { a } of stream) yield a
}
export const reused = app.agent('reused', { topic: additions }, firstOf)
export const reusedKeyed = app.agent('reused-keyed', { topic: transfers }, firstOf)

export const answer = await adding.ask({ a: 4, b: 4 })
export const answered = adding.ask({ a: 4, b: 4 }, { key: 'k', timeout: '5s', correlationId: 'c', headers: { h: 'x' } })
export const cast = adding.cast({ a: 2, b: 2 })
export const forwarded = adding.send({ a: 2, b: 2 }, { replyTo: log, correlationId: '1' })
export const toAgent = adding.send({ a: 2, b: 2 }, { replyTo: reports })
export const mapped = adding.map([{ a: 1, b: 1 }], { timeout: '1m' })
export const joined = adding.join(new Set([{ a: 1, b: 1 }]))
export const keyMapped = keyed.kvmap([[1, { a: 1, b: 1 }]])
export const keyJoined = keyed.kvjoin(new Map([[1, { a: 1, b: 1 }]]))
export const byText = adding.kvjoin(Object.entries({ k1: { a: 1, b: 2 } }))
export const dated = adder.ask({ a: 1, b: 2 })
export const pair = keyed.ask({ a: 1, b: 2 }, { key: 7 })
export const whatever = untyped.ask('anything')
export const fromChannel = ofChannel.ask(4)
export const either = several.ask({ a: 1, b: 2 }, { key: 'alice' })
export const alive = revived.ask({ a: 1, b: 2 })
export const silentSend = imports.send({ a: 1, b: 2 })
export const silentCast = imports.cast({ a: 1, b: 2 })
export const remote = app.remote<typeof adding>('adding')
export const remoteAnswer = app.remote<typeof revived>('revived').ask({ a: 1, b: 2 })
