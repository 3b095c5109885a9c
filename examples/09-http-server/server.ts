import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { Add, adding, app } from './app.js'

/** A web server with a worker inside. */
export interface SumServer extends AsyncDisposable {
  readonly url: string
}

/** Starts both. Disposing of it answers what is under way, then stops the worker. */
export async function serve(port = 0): Promise<SumServer> {
  const running = await app.start()
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(listening => server.listen(port, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise(done => server.close(done))
      server.closeIdleConnections()
      await closed
      await running.stop()
    },
  }
}

/** POST /sum with { "a": 4, "b": 8 } */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST' || request.url !== '/sum') return reply(response, 404, { error: 'There is only POST /sum.' })
  const added = Add.safeParse(await json(request).catch(() => undefined))
  if (!added.success) return reply(response, 400, { error: 'Expected { "a": number, "b": number }.' })
  try {
    reply(response, 200, { sum: await adding.ask(added.data, { timeout: '5s' }) })
  } catch (error) {
    reply(response, 503, { error: error instanceof Error ? error.message : String(error) })
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
