import { App } from 'faust-ts'
import { z } from 'zod'
import { serveArticles } from './article-server.js'

const Article = z.object({ url: z.url(), datePublished: z.coerce.date() })

const app = new App('imports-news')
const news = app.topic('news', { value: Article })
const stored = app.channel('stored', { value: z.string() })

/** Stands in for a database. */
const database = new Map<string, { title: string; datePublished: Date }>()

// Ten actors compete for the stream's events. While one waits for its article, the others go on: the order is lost, which
// is fine here, and ten articles are fetched at a time.
app.agent('imports-news', { topic: news, concurrency: 10 }, async articles => {
  for await (const { url, datePublished } of articles) {
    const response = await fetch(url)
    const { title } = (await response.json()) as { title: string }
    database.set(url, { title, datePublished })
    await stored.send(url)
  }
})

await using server = await serveArticles()
await using _running = await app.start()

const count = 50
for (let number = 1; number <= count; number++) {
  news.send({ url: `${server.url}/articles/${number}`, datePublished: new Date('2025-01-01T12:00:00Z') })
}

let imported = 0
for await (const _url of stored.stream()) if (++imported === count) break

console.log(`${database.size} articles stored, at most ${server.mostAtOnce} fetched at a time`)
