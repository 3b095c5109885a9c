// The work of `stateless` between a bare reader and a bare writer: decode, filter, map, encode.
import type { Batch, Outgoing } from 'faust-ts/transport'
import { decode, type Bytes } from './bare-loop.js'
import { isKept, partitionOf } from './input.js'

/** A message to be filled in and appended, again and again. */
export const outgoingTo = (topic: string): Outgoing => ({
  topic,
  partition: 0,
  timestamp: 0,
  key: null,
  keyStart: 0,
  keyEnd: 0,
  value: null,
  headers: null,
})

export function doublingInto(topic: string, append: (message: Outgoing) => unknown): (batch: Batch) => void {
  const out = outgoingTo(topic)
  return batch => {
    const { buffer, count, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = batch
    const bytes = buffer as unknown as Bytes
    for (let i = 0; i < count; i++) {
      const event = decode(bytes, valueStarts[i]!, valueEnds[i]!)
      if (!isKept(event)) continue
      out.key = buffer
      out.keyStart = keyStarts[i]!
      out.keyEnd = keyEnds[i]!
      out.partition = partitionOf(buffer, out.keyStart, out.keyEnd)
      out.timestamp = timestamps[i]!
      out.value = JSON.stringify({ id: event.id, double: event.amount * 2 })
      append(out)
    }
  }
}
