import { expect, test } from 'vitest'
import { App, AskTimeoutError, NoReplyError, ReplyError, raw, retry, skip, unchecked, type Agent } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'
import { logTo } from '../fixtures/log.js'

const count = z.number()

test('the first yield for an event is its answer, and later ones are not', async () => {
  const app = new App('first-yield')
  const agent = app.agent('counting', { value: count }, async function* (numbers) {
    for await (const n of numbers) for (let step = 0; step < 3; step++) yield n + step
  })
  await using _worker = await testWorker(app)
  expect(await agent.ask(10)).toBe(10)
  expect(await agent.ask(20)).toBe(20)
})

test('moving on without yielding rejects with NoReplyError, and so does an operator that drops the event', async () => {
  const app = new App('no-reply')
  const picky = app.agent('picky', { value: count }, async function* (numbers) {
    for await (const n of numbers) if (n > 5) yield n
  })
  const filtering = app.agent('filtering', { value: count }, async function* (numbers) {
    for await (const n of numbers.filter(each => each > 5)) yield n
  })
  const later = app.agent('filtering-later', { value: count }, async function* (numbers) {
    for await (const n of numbers.filter((async (each: number) => Promise.resolve(each > 5)) as never)) yield n
  })
  await using _worker = await testWorker(app)
  for (const agent of [picky, filtering, later]) {
    const error: unknown = await agent.ask(1, { correlationId: 'mine' }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NoReplyError)
    expect(error).toMatchObject({ code: 'FAUST_NO_REPLY', agent: agent.name, correlationId: 'mine', retriable: false })
    expect((error as Error).message).toBe(
      `Agent "${agent.name}" went on without an answer to request mine. Yield once for every event that is asked.`,
    )
    expect(await agent.ask(9)).toBe(9)
  }
})

test('an agent that never yields, asked all the same, rejects with NoReplyError', async () => {
  const app = new App('silent')
  const numbers = app.topic('numbers', { value: count })
  app.agent('storing', { topic: numbers }, async stream => {
    for await (const _n of stream) continue
  })
  const asked = app.agent('never-run', { value: count }, async function* (stream) {
    for await (const n of stream) yield n
  })
  await using _worker = await testWorker(app)
  await expect(app.remote<typeof asked>('numbers').ask(1)).rejects.toBeInstanceOf(NoReplyError)
})

test('an event that is left by break, or by the end of the function, counts as moved on', async () => {
  const app = new App('left')
  const breaking = app.agent('breaking', { value: count }, async function* (numbers) {
    for (;;) {
      for await (const n of numbers) {
        if (n < 0) break
        yield n
      }
    }
  })
  const late = app.agent('late', { value: count }, async function* (numbers) {
    let last = 0
    for (;;) {
      for await (const n of numbers) {
        last = n
        break
      }
      // Still in hand after the loop was left: this answers it.
      yield last * 2
    }
  })
  const returning = app.agent('returning', { value: count }, async function* (numbers) {
    for await (const n of numbers) {
      if (n < 0) return
      yield n
    }
  })
  await using _worker = await testWorker(app)
  expect(await breaking.ask(4)).toBe(4)
  const left = breaking.ask(-1)
  expect(await breaking.ask(5)).toBe(5)
  await expect(left).rejects.toBeInstanceOf(NoReplyError)
  expect(await late.ask(21)).toBe(42)
  await expect(returning.ask(-1)).rejects.toBeInstanceOf(NoReplyError)
})

test('an exception rejects with ReplyError, which has the name and message of the remote error', async () => {
  class OutOfStock extends Error {
    override readonly name = 'OutOfStock'
  }
  const app = new App('throwing')
  const agent = app.agent('selling', { value: count }, async function* (stream) {
    for await (const n of stream) {
      if (n === 0) throw new OutOfStock('nothing left')
      // oxlint-disable-next-line typescript/only-throw-error -- what users throw
      if (n === 1) throw 'just words'
      yield n
    }
  })
  await using _worker = await testWorker(app)
  const error: unknown = await agent.ask(0).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ReplyError)
  expect(error).toMatchObject({ code: 'FAUST_REPLY', agent: 'selling', remoteName: 'OutOfStock' })
  expect((error as Error).message).toBe('Agent "selling" failed on the request: OutOfStock: nothing left')
  await expect(agent.ask(1)).rejects.toThrow(/failed on the request: Error: just words/)
  expect(await agent.ask(2)).toBe(2)
})

test('an exception after the yield does not take the answer back', async () => {
  const app = new App('answered-then-thrown')
  const agent = app.agent('fragile', { value: count }, async function* (stream) {
    for await (const n of stream) {
      yield n
      throw new Error('too late to matter')
    }
  })
  await using _worker = await testWorker(app)
  expect(await agent.ask(1)).toBe(1)
  expect(await agent.ask(2)).toBe(2)
})

test('an answer that JSON cannot hold rejects the asker with what is wrong', async () => {
  const app = new App('bigint')
  const agent = app.agent('large', { value: count }, async function* (stream) {
    for await (const n of stream) yield BigInt(n)
  })
  await using _worker = await testWorker(app)
  await expect(agent.ask(3)).rejects.toMatchObject({ code: 'FAUST_REPLY', message: expect.stringMatching(/bigint/i) as string })
})

test('the answer is what JSON left of the yield, unless a reply schema revives it', async () => {
  const app = new App('json-image')
  const at = new Date(Date.UTC(2025, 5, 1))
  const plain = app.agent('plain', { value: count }, async function* (stream) {
    for await (const n of stream) yield { at, n, gone: undefined }
  })
  const reply = z.object({ at: z.coerce.date(), n: z.number() })
  const revived = app.agent('revived', { value: count, reply }, async function* (stream) {
    for await (const n of stream) yield n === 0 ? ({ at: 'never', n } as unknown as z.output<typeof reply>) : { at, n }
  })
  const later = app.agent('revived-later', { value: count, reply: slowly(reply) }, async function* (stream) {
    for await (const n of stream) yield { at, n }
  })
  await using _worker = await testWorker(app)
  expect(await plain.ask(1)).toEqual({ at: '2025-06-01T00:00:00.000Z', n: 1 })
  const answer = await revived.ask(2)
  expect(answer.at).toBeInstanceOf(Date)
  expect(answer).toEqual({ at, n: 2 })
  expect(await later.ask(3)).toEqual({ at, n: 3 })
  await expect(revived.ask(0)).rejects.toMatchObject({ code: 'FAUST_VALIDATION' })
})

test('undefined and null are answers too', async () => {
  const app = new App('nothing')
  const agent = app.agent(
    'nothing',
    { value: z.enum(['undefined', 'null', 'zero', 'empty', 'false']) },
    async function* (stream) {
      for await (const what of stream) yield { undefined, null: null, zero: 0, empty: '', false: false }[what]
    },
  )
  await using _worker = await testWorker(app)
  expect(await agent.ask('undefined')).toBe(undefined)
  expect(await agent.ask('null')).toBe(null)
  expect(await agent.ask('zero')).toBe(0)
  expect(await agent.ask('empty')).toBe('')
  expect(await agent.ask('false')).toBe(false)
})

test('a correlation id of your own is used, and cannot be waited for twice at a time', async () => {
  const app = new App('own-id')
  const requests = app.topic('requests', { value: count })
  const ids: string[] = []
  const agent = app.agent('answering', { topic: requests }, async function* (stream) {
    for await (const { value, headers } of stream.events()) {
      ids.push(Buffer.from(headers.get('Faust-Ag-CorrelationId') ?? '').toString())
      yield value
    }
  })
  await using _worker = await testWorker(app)
  const first = agent.ask(1, { correlationId: 'my-own' })
  const second = agent.ask(2, { correlationId: 'my-own' })
  await expect(second).rejects.toMatchObject({ code: 'FAUST_OPTION', option: 'correlationId' })
  expect(await first).toBe(1)
  expect(await agent.ask(3, { correlationId: 'my-own' })).toBe(3)
  expect(await agent.ask(4)).toBe(4)
  expect(ids.slice(0, -1)).toEqual(['my-own', 'my-own'])
  expect(ids.at(-1)).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
})

test('duplicate and late replies, and what is no reply at all, are ignored', async () => {
  const app = new App('duplicates')
  const requests = app.topic('requests', { value: unchecked<unknown>() })
  let address = ''
  // Another program, which answers as often as it likes.
  app.agent('foreign', { topic: requests }, async stream => {
    for await (const { value, headers } of stream.events()) {
      address = Buffer.from(headers.get('Faust-Ag-ReplyTo') ?? '').toString()
      const id = Buffer.from(headers.get('Faust-Ag-CorrelationId') ?? '').toString()
      const replies = app.topic(address, { value: unchecked<Uint8Array>(), codec: raw })
      const reply = (answer: unknown): Buffer => Buffer.from(JSON.stringify({ key: null, value: answer, correlation_id: id }))
      for (const bytes of ['not json', '{"correlation_id":7}', '[]', 'null']) await replies.send(Buffer.from(bytes))
      await replies.send(null as never)
      await replies.send(reply(value))
      await replies.send(reply('a second answer'))
    }
  })
  const agent = app.remote<Agent<unknown, unknown>>('requests')
  await using worker = await testWorker(app)
  expect(await agent.ask('one', { correlationId: 'x' })).toBe('one')
  await worker.advance(0)
  expect(await agent.ask('two', { correlationId: 'x' })).toBe('two')
  expect(await agent.join(['a', 'b', 'c'])).toEqual(['a', 'b', 'c'])
})

test('of two agents on one topic the first answer wins, and one that stays silent does not spoil it', async () => {
  const app = new App('two-agents')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  const even = app.agent('even', { topic: numbers }, async function* (stream) {
    for await (const n of stream) if (n % 2 === 0) yield `${n} is even`
  })
  app.agent('large', { topic: numbers, onError: skip() }, async function* (stream) {
    for await (const n of stream) if (n > 10) yield `${n} is large`
  })
  app.agent('storing', { topic: numbers }, async stream => {
    for await (const _n of stream) continue
  })
  await using _worker = await testWorker(app)
  expect(await even.ask(2)).toBe('2 is even')
  expect(await even.ask(11)).toBe('11 is large')
  expect(await even.ask(12)).toMatch(/^12 is (even|large)$/)
  // Nobody has an answer: the last of them says so.
  await expect(even.ask(3)).rejects.toBeInstanceOf(NoReplyError)
})

test('an agent that answers at its second try is the one that answers, though another was silent', async () => {
  const app = new App('second-try')
  const numbers = app.topic('numbers', { value: count, partitions: 1 })
  let tries = 0
  const agent = app.agent('trying', { topic: numbers, onError: retry({ attempts: 2, backoff: '1s' }) }, async function* (stream) {
    for await (const n of stream) {
      if (++tries === 1) throw new Error('not yet')
      yield n
    }
  })
  app.agent('quiet', { topic: numbers }, async function* (stream) {
    for await (const n of stream) if (n > 1e9) yield n
  })
  await using worker = await testWorker(app)
  const answer = agent.ask(7)
  await worker.advance('1s')
  expect(await answer).toBe(7)
})

test('for a batch there is no single current event: asking gets NoReplyError, also for a batch of one', async () => {
  const app = new App('batches')
  const agent = app.agent('summing', { value: count }, async function* (stream) {
    for await (const batch of stream.batch(3, { within: '1s' })) yield batch.reduce((sum, n) => sum + n, 0)
  })
  await using worker = await testWorker(app)
  const asked = [agent.ask(1), agent.ask(2), agent.ask(3)].map(answer => answer.catch((error: unknown) => error))
  await worker.advance('2s')
  for (const answer of await Promise.all(asked)) expect(answer).toBeInstanceOf(NoReplyError)
  const alone = agent.ask(4).catch((error: unknown) => error)
  await worker.advance('2s')
  expect(await alone).toBeInstanceOf(NoReplyError)
})

test('an answer that does not come rejects with AskTimeoutError, which names the agent, the request and the broker', async () => {
  const app = new App('time-out')
  const agent = app.agent('answering', { value: count }, async function* (stream) {
    for await (const n of stream) yield n
  })
  await using worker = await testWorker(app)
  const nobody = app.remote<typeof agent>('nobody-reads-this')
  const asked = nobody.ask(1, { timeout: '5s', correlationId: 'lost' }).catch((error: unknown) => error)
  const others = [nobody.ask(1).catch(timeOf), nobody.ask(1, { timeout: '1m' }).catch(timeOf)]
  await worker.advance('4.9s')
  await worker.advance('10m')
  const error = await asked
  expect(error).toBeInstanceOf(AskTimeoutError)
  expect(error).toMatchObject({ code: 'FAUST_ASK_TIMEOUT', agent: 'nobody-reads-this', correlationId: 'lost', retriable: true })
  expect((error as Error).message).toBe(
    'Agent "nobody-reads-this" did not answer request lost within 5s (broker memory:). ' +
      'Check that a worker of its app runs on the same broker, or raise the timeout.',
  )
  expect(await Promise.all(others)).toEqual(['30s', '1m'])
})

test('an answer that is too large to be sent is in the log of whoever was asked', async () => {
  const lines: string[] = []
  const app = new App('unsendable', { broker: 'memory:unsendable', logger: logTo(lines) })
  const agent = app.agent('repeating', { value: count }, async function* (stream) {
    for await (const n of stream) yield 'x'.repeat(n)
  })
  await using worker = await testWorker(app)
  expect(await agent.ask(1)).toBe('x')
  const asked = agent.ask(2 * 1024 * 1024, { timeout: '5s' }).catch((error: unknown) => error)
  await worker.advance('10s')
  expect(await asked).toBeInstanceOf(AskTimeoutError)
  const said = lines.filter(line => line.startsWith('warn A reply was not sent, whoever asked waits in vain: '))
  expect(said).toEqual([expect.stringMatching(/of 2097\d+ bytes/)])
})

function timeOf(error: Error): string | undefined {
  return /within ([\dms ]+) \(/.exec(error.message)?.[1]?.trim()
}

function slowly<S extends z.ZodType>(schema: S): S {
  return schema.refine(async () => Promise.resolve(true)) as S
}
