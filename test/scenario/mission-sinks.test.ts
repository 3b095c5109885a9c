// Sinks and concurrency of Faust's guide to agents.
import { expect, test } from 'vitest'
import { App } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

/** Something that one part of a test waits for until another lets it go. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>(resolve => (open = resolve))
  return { opened, open }
}

test('a function as a sink is called with what the agent yields', async () => {
  const app = new App('function')
  const seen: string[] = []
  const mySink = (value: number): void => void seen.push(`AGENT YIELD: ${value}`)
  const myAgent = app
    .agent('my-agent', { value: z.number() }, async function* (stream) {
      for await (const value of stream) yield value * 2
    })
    .to(mySink)
  await using worker = await testWorker(app)
  await worker.send(myAgent, 1)
  await worker.send(myAgent, 2)
  expect(seen).toEqual(['AGENT YIELD: 2', 'AGENT YIELD: 4'])
})

test('an async function as a sink makes the agent wait before its next event', async () => {
  const app = new App('async-function')
  const [called, released] = [gate(), gate()]
  const seen: string[] = []
  const source = app.topic('source', { value: z.number(), partitions: 1 })
  app
    .agent('my-agent', { topic: source }, async function* (stream) {
      for await (const value of stream) {
        seen.push(`got ${value}`)
        yield value * 2
      }
    })
    .to(async value => {
      seen.push(`sink ${value}`)
      called.open()
      await released.opened
      seen.push(`sink done ${value}`)
    })
  await using worker = await testWorker(app)
  const all = [1, 2, 3].map(value => worker.send(source, value))
  await called.opened
  expect(seen).toEqual(['got 1', 'sink 2'])
  released.open()
  await Promise.all(all)
  expect(seen.slice(2)).toEqual(['sink done 2', 'got 2', 'sink 4', 'sink done 4', 'got 3', 'sink 6', 'sink done 6'])
})

test('a topic as a sink gets what the agent yields, under the key of the event and at its time', async () => {
  const app = new App('topic')
  const source = app.topic('source', { key: z.string(), value: z.number() })
  const agentLog = app.topic('agent_log', { key: z.string(), value: z.number() })
  const logged: unknown[] = []
  app
    .agent('my-agent', { topic: source }, async function* (stream) {
      for await (const value of stream) yield value
    })
    .to(agentLog)
  app.agent('reading', { topic: agentLog }, async stream => {
    for await (const { key, value, timestamp } of stream.events()) logged.push({ key, value, timestamp })
  })
  await using worker = await testWorker(app)
  await worker.send(source, 7, { key: 'seven', timestamp: 1_700_000_000_000 })
  expect(logged).toEqual([{ key: 'seven', value: 7, timestamp: 1_700_000_000_000 }])
})

test('another agent as a sink receives what the agent yields', async () => {
  const app = new App('another-agent')
  const seen: string[] = []
  const agentB = app.agent('agent-b', { value: z.number() }, async stream => {
    for await (const event of stream) seen.push(`AGENT B RECEIVED: ${event}`)
  })
  const agentA = app
    .agent('agent-a', { value: z.number() }, async function* (stream) {
      for await (const event of stream) {
        seen.push(`AGENT A RECEIVED: ${event}`)
        yield event * 2
      }
    })
    .to(agentB)
  await using worker = await testWorker(app)
  await worker.send(agentA, 21)
  expect(seen).toEqual(['AGENT A RECEIVED: 21', 'AGENT B RECEIVED: 42'])
})

test('ten actors of an agent import ten articles at a time, in no particular order', async () => {
  const app = new App('imports-news')
  const Article = z.object({ url: z.string(), datePublished: z.coerce.date() })
  const news = app.topic('news', { value: Article })
  const { opened, open } = gate()
  const stored = new Map<string, Date>()
  let [fetching, mostAtOnce] = [0, 0]
  app.agent('imports-news', { topic: news, concurrency: 10 }, async articles => {
    for await (const article of articles) {
      mostAtOnce = Math.max(mostAtOnce, ++fetching)
      await opened
      fetching--
      stored.set(article.url, article.datePublished)
    }
  })
  await using worker = await testWorker(app)
  const published = new Date('2018-02-01T10:00:00Z')
  const last = Array.from({ length: 25 }, (_, n) => worker.send(news, { url: `/${n}`, datePublished: published }))
  await news.send({ url: '/last', datePublished: published })
  expect(stored.size).toBe(0)
  open()
  await Promise.all(last)
  expect(mostAtOnce).toBe(10)
  expect(stored.size).toBe(26)
  expect(stored.get('/24')).toEqual(published)
})
