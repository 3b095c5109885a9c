// Puts the input of `stateless` into a broker, and counts and checks what came out.
import type { Connection } from 'faust-ts/transport'
import type { BenchBroker } from './bench-broker.js'
import { makeInput, partitions } from './input.js'
import { Checksum } from './stateless-bare.js'

/** Creates the topics `events` and `doubled` and fills the first. */
export async function fill(connection: Connection, broker: BenchBroker, events: number): Promise<void> {
  await connection.admin.createTopics([
    { name: broker.name('events'), partitions, retentionMs: -1 },
    { name: broker.name('doubled'), partitions, retentionMs: -1 },
  ])
  const producer = await connection.producer({})
  for (const batch of makeInput(events)) {
    const { partition, buffer } = batch
    const topic = broker.name(batch.topic)
    for (let i = 0; i < batch.count; i++) {
      const value = buffer.subarray(batch.valueStarts[i], batch.valueEnds[i])
      const key = { key: buffer, keyStart: batch.keyStarts[i]!, keyEnd: batch.keyEnds[i]! }
      producer.append({ topic, partition, timestamp: batch.timestamps[i]!, ...key, value, headers: null })
      if (producer.isFull) await producer.drained()
    }
  }
  await producer.flush()
  await producer.close()
}

/** Messages in a topic with the partitions of all benchmarks. */
export async function stored(connection: Connection, topic: string): Promise<number> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const ends = await connection.admin.endOffsets(all, 'read-uncommitted')
  return ends.reduce((sum, { offset }) => sum + offset, 0)
}

/** What is in `doubled`. */
export async function outputsOf(
  connection: Connection,
  broker: BenchBroker,
  checked: boolean,
): Promise<{ outputs: number; checksum?: number }> {
  const topic = broker.name('doubled')
  const outputs = await stored(connection, topic)
  return checked ? { outputs, checksum: await checksumOf(connection, topic, outputs) } : { outputs }
}

async function checksumOf(connection: Connection, topic: string, outputs: number): Promise<number> {
  const checksum = new Checksum()
  let read = 0
  const reader = connection.reader({ isolation: 'read-uncommitted', onError: error => console.error(error) })
  await new Promise<void>(resolve => {
    for (let partition = 0; partition < partitions; partition++) {
      reader.add({ topic, partition }, 'earliest', batch => {
        for (let i = 0; i < batch.count; i++) {
          const key = batch.buffer.subarray(batch.keyStarts[i], batch.keyEnds[i])
          const message = Buffer.concat([key, batch.buffer.subarray(batch.valueStarts[i], batch.valueEnds[i])])
          checksum.add(message, 0, message.length)
        }
        read += batch.count
        if (read === outputs) resolve()
        return true
      })
    }
  })
  await reader.close()
  return checksum.sum
}
