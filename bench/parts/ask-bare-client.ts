// The bare counterpart of `agent.ask`: a number for each request, a map of what is waited for.
import { App } from 'faust-ts'
import { measureAsks } from './asking.js'
import { outgoingTo } from './doubling.js'

const [broker = '', suffix = ''] = process.argv.slice(2)
const connection = await new App('bench-ask', { broker }).connect()
const producer = await connection.producer({})
const waiting = new Map<number, (answer: number) => void>()
const replies = { topic: `replies${suffix}`, partition: 0 }
const reader = connection.reader({ isolation: 'read-committed', onError: error => console.error(error) })
reader.add(replies, 'latest', batch => {
  for (let i = 0; i < batch.count; i++) {
    const [id, answer] = JSON.parse(batch.buffer.toString('utf8', batch.valueStarts[i], batch.valueEnds[i])) as [number, number]
    waiting.get(id)?.(answer)
    waiting.delete(id)
  }
  return true
})
while (reader.position(replies) === undefined) await new Promise(resolve => setImmediate(resolve))

const out = outgoingTo(`requests${suffix}`)
let last = 0

function ask(n: number): Promise<number> {
  const id = ++last
  out.timestamp = Date.now()
  out.value = JSON.stringify([id, n])
  producer.append(out)
  return new Promise(resolve => waiting.set(id, resolve))
}

const sample = await measureAsks(ask)
await connection.close()
process.send!(sample)
