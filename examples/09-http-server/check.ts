// Asks over HTTP, a hundred at the same time, and ends with the server.
import { strict as assert } from 'node:assert'
import { serve } from './server.js'

await using server = await serve()

async function post(path: string, body: unknown): Promise<[status: number, body: unknown]> {
  const response = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body) })
  return [response.status, await response.json()]
}

assert.deepEqual(await post('/sum', { a: 4, b: 8 }), [200, { sum: 12 }])
assert.deepEqual(await post('/sum', { a: 4 }), [400, { error: 'Expected { "a": number, "b": number }.' }])
assert.deepEqual(await post('/', {}), [404, { error: 'There is only POST /sum.' }])

const sums = await Promise.all(Array.from({ length: 100 }, (_, a) => post('/sum', { a, b: 1 })))
sums.forEach(([status, body], a) => assert.deepEqual([status, body], [200, { sum: a + 1 }]))

console.log('103 requests answered')
