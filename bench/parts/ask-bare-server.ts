// The bare counterpart of a worker: reads requests, writes each answer to the topic of replies.
import { App } from 'faust-ts'
import type { Outgoing } from 'faust-ts/transport'

const [broker = ''] = process.argv.slice(2)
const connection = await new App('bench-ask', { broker }).connect()
await connection.admin.createTopics([
  { name: 'requests', partitions: 1 },
  { name: 'replies', partitions: 1 },
])
const producer = await connection.producer({})
const out: Outgoing = {
  topic: 'replies',
  partition: 0,
  timestamp: 0,
  key: null,
  keyStart: 0,
  keyEnd: 0,
  value: null,
  headers: null,
}
connection
  .reader({ isolation: 'read-committed', onError: error => console.error(error) })
  .add({ topic: 'requests', partition: 0 }, 'latest', batch => {
    for (let i = 0; i < batch.count; i++) {
      const [id, n] = JSON.parse(batch.buffer.toString('utf8', batch.valueStarts[i], batch.valueEnds[i])) as [number, number]
      out.timestamp = batch.timestamps[i]!
      out.value = JSON.stringify([id, n * 2])
      producer.append(out)
    }
    return true
  })
process.send!('up')
