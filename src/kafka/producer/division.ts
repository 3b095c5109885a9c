import type { Outgoing } from '../../transport/transport.js'
import type { Compression } from '../records/compression.js'
import { RecordReader } from '../records/record-reader.js'
import { RecordWriter } from '../records/record-writer.js'
import { UnsentBatch } from './unsent-batch.js'

/** A closed batch's messages in several batches, of which one begins at each of these places; 0 goes without saying. */
export function divided(whole: UnsentBatch, places: readonly number[], compression: Compression): UnsentBatch[] {
  const messages = messagesOf(whole, compression)
  return [0, ...places].map((from, index) => {
    const writer = new RecordWriter(compression)
    const piece = new UnsentBatch(whole, { writer, openedMs: whole.openedMs, limit: whole.limit })
    for (const message of messages.slice(from, places[index])) piece.add(message)
    return piece
  })
}

/** Views of the batch's bytes. */
function messagesOf({ topic, partition, bytes }: UnsentBatch, compression: Compression): Outgoing[] {
  const reader = new RecordReader({ topic, partition }, 0, { compression, checksCrc: false })
  if (bytes !== null) reader.open({ records: bytes, aborted: null })
  const messages: Outgoing[] = []
  for (let batch = reader.next(); batch !== null; batch = reader.next()) {
    const { buffer, timestamps, keyStarts, keyEnds, valueStarts, valueEnds, headers } = batch
    for (let index = 0; index < batch.count; index++) {
      const [keyStart, valueStart] = [keyStarts[index]!, valueStarts[index]!]
      messages.push({
        topic,
        partition,
        timestamp: timestamps[index]!,
        key: keyStart < 0 ? null : buffer,
        keyStart,
        keyEnd: keyEnds[index]!,
        value: valueStart < 0 ? null : buffer.subarray(valueStart, valueEnds[index]),
        headers: headers?.has(index) ? headers.at(index) : null,
      })
    }
  }
  return messages
}
