import type { Batch, Connection, TopicPartition } from '../transport/transport.js'

/** A message as the broker holds it. */
export interface StoredMessage extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: ReadonlyMap<string, Uint8Array>
}

/** The offsets from `from` up to, but without, `to`. */
export interface Range extends TopicPartition {
  readonly from: number
  readonly to: number
}

/** Reads what there is in some stretches of partitions, without a group. Rejects with what keeps it from reading. */
export async function readMessages(connection: Connection, ranges: readonly Range[]): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = []
  let stop = (): Promise<void> => Promise.resolve()
  try {
    await new Promise<void>((resolve, reject) => {
      const open = new Map(ranges.filter(({ from, to }) => from < to).map(range => [nameOf(range), range]))
      const reader = connection.reader({
        isolation: 'read-committed',
        onError: reject,
        onPassed: at => passed(at, reader.position(at) ?? 0),
      })
      stop = () => reader.close()
      const passed = (at: TopicPartition, position: number): void => {
        if (position >= (open.get(nameOf(at))?.to ?? Infinity)) open.delete(nameOf(at))
        if (open.size === 0) resolve()
      }
      for (const range of open.values()) {
        reader.add(range, range.from, batch => {
          messages.push(...messagesOf(batch).filter(({ offset }) => offset < range.to))
          passed(range, batch.nextOffset)
          return true
        })
      }
      if (open.size === 0) resolve()
    })
  } finally {
    await stop()
  }
  return messages.sort((a, b) => a.timestamp - b.timestamp)
}

function messagesOf(batch: Batch): StoredMessage[] {
  const { topic, partition, count, buffer, offsets, timestamps, headers } = batch
  const part = (start: number | undefined, end: number | undefined): Buffer | null =>
    start === undefined || start < 0 ? null : buffer.subarray(start, end)
  return Array.from({ length: count }, (_, index) => ({
    topic,
    partition,
    offset: offsets[index] ?? 0,
    timestamp: timestamps[index] ?? 0,
    key: part(batch.keyStarts[index], batch.keyEnds[index]),
    value: part(batch.valueStarts[index], batch.valueEnds[index]),
    headers: headers?.at(index) ?? new Map<string, Uint8Array>(),
  }))
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}[${partition}]`
}
