import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A site with articles on this machine, which takes its time over each of them. */
export interface ArticleServer extends AsyncDisposable {
  readonly url: string
  /** How many requests it has had open at the same time. */
  readonly mostAtOnce: number
}

export async function serveArticles(): Promise<ArticleServer> {
  let [open, most] = [0, 0]
  const server = createServer((request, response) => {
    open++
    most = Math.max(most, open)
    setTimeout(() => {
      open--
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ title: `All about ${request.url}` }))
    }, 20)
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get mostAtOnce() {
      return most
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(closed => server.close(closed))
    },
  }
}
