// The bare counterpart of a worker: reads requests, writes each answer to the topic of replies.
import { App } from 'faust-ts'
import { outgoingTo } from './doubling.js'

const [broker = '', suffix = ''] = process.argv.slice(2)
const connection = await new App('bench-ask', { broker }).connect()
const requests = { topic: `requests${suffix}`, partition: 0 }
await connection.admin.createTopics([
  { name: requests.topic, partitions: 1 },
  { name: `replies${suffix}`, partitions: 1 },
])
const producer = await connection.producer({})
const out = outgoingTo(`replies${suffix}`)
const reader = connection.reader({ isolation: 'read-committed', onError: error => console.error(error) })
reader.add(requests, 'latest', batch => {
  for (let i = 0; i < batch.count; i++) {
    const [id, n] = JSON.parse(batch.buffer.toString('utf8', batch.valueStarts[i], batch.valueEnds[i])) as [number, number]
    out.timestamp = batch.timestamps[i]!
    out.value = JSON.stringify([id, n * 2])
    producer.append(out)
  }
  return true
})
// Whoever waits for the embedded broker keeps no process alive.
setInterval(() => {}, 1e9)
while (reader.position(requests) === undefined) await new Promise(resolve => setImmediate(resolve))
process.send!('up')
