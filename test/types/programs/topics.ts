// What the design says about topics, channels and keys, written down as a user would: nothing is annotated.
import { App, deadLetter, gzip, json, msgpack, pythonFaust, raw, skip, text, unchecked, type Sink } from 'faust-ts'
import { z } from 'zod'

export const app = new App('topics', { broker: 'memory:', partitions: 4, codec: json, commitInterval: '1s', drainTimeout: 500 })
const Add = z.object({ a: z.number(), b: z.number() })
const Order = z.object({ id: z.string(), placed: z.coerce.date(), lines: z.array(z.object({ sku: z.string(), count: z.int() })) })

export const additions = app.topic('adding', { value: Add })
export const transfers = app.topic('transfers', { key: z.string(), value: Add, partitions: 8, retention: '7d', compacted: false })
export const several = app.topic(['orders-eu', 'orders-us'], { value: Order })
export const anyOrders = app.topic(/^orders-.*/, { value: Order })
export const untyped = app.topic('noagents')
export const local = app.channel('alerts', { value: Add, capacity: 100 })
export const keyedLocal = app.channel('keyed', { value: Add, key: z.number() })
export const timed = app.topic('timed', { value: Order, timestamp: order => order.placed })
export const timedInMs = app.topic('timed-ms', { value: Add, timestamp: ({ a }) => a })
export const clicks = app.topic('clicks', { value: unchecked<{ page: string; at?: number }>() })
export const shapes = app.topic('shapes', {
  value: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('circle'), radius: z.number() }),
    z.object({ kind: z.literal('square'), side: z.number() }),
  ]),
})
export const amounts = app.topic('amounts', { value: z.object({ cents: z.bigint() }), codec: msgpack })
export const lengths = app.topic('lengths', { value: z.string().transform(word => word.length), codec: json })
export const adds = app.topic('adds', { value: Add, codec: pythonFaust('examples.agent.Add') })
export const small = app.topic('small', { value: Add, codec: gzip(json), keyCodec: text })
export const bytes = app.topic('bytes', { value: unchecked<Uint8Array>(), codec: raw })
export const numbered = app.topic('numbered', { value: Add, key: z.coerce.number() })
export const structured = app.topic('structured', { value: Add, key: z.object({ account: z.string(), region: z.string() }) })
export const deletable = app.topic('deletable', { value: Add.nullable() })
export const jsonOfAnything = app.topic('json', { value: z.json() })
export const tolerant = [
  app.topic('t1', { value: Add, onDecodeError: 'skip' }),
  app.topic('t2', { value: Add, onDecodeError: 'crash' }),
  app.topic('t3', { value: Add, onDecodeError: skip() }),
  app.topic('t4', { value: Add, onDecodeError: deadLetter() }),
  app.topic('t5', { value: Add, onDecodeError: deadLetter(additions) }),
  app.topic('t6', { value: Add, onDecodeError: (error, found, at) => [error.message, found?.length, at.offset] }),
]

export const placement = await additions.send({ a: 1, b: 2 }, { key: 'k', partition: 1, timestamp: 5, headers: { trace: 'x' } })
export const unawaited = additions.send({ a: 1, b: 2 }, { key: new Uint8Array(1) })
export const caught = additions.send({ a: 1, b: 2 }, { key: null }).catch(() => 'failed' as const)
export const settled = additions.send({ a: 1, b: 2 }).finally(() => undefined)
export const chained = additions.send({ a: 1, b: 2 }).then(({ offset }) => offset)
export const put = local.send({ a: 1, b: 2 })
export const sent = [
  transfers.send({ a: 1, b: 2 }, { key: 'alice' }),
  numbered.send({ a: 1, b: 2 }, { key: 7 }),
  structured.send({ a: 1, b: 2 }, { key: { account: 'a', region: 'r' } }),
  untyped.send({ whatever: true }),
  deletable.send(null),
]
export const toAdds: Sink<{ a: number; b: number }>[] = [
  additions,
  transfers,
  numbered,
  local,
  ({ a }) => a,
  { send: async value => value.b },
]
