import type { Batch, LogPartition, Outgoing, Reader, Start, TopicPartition } from '../../transport/transport.js'

/** A message as a test looks at it. */
export interface Seen {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

/** The messages of a batch, in order. */
export function messagesOf(batch: Batch): Seen[] {
  const text = (start: number, end: number): string | null => (start < 0 ? null : batch.buffer.toString('utf8', start, end))
  return Array.from({ length: batch.count }, (_, index) => ({
    offset: number(batch.offsets, index),
    timestamp: number(batch.timestamps, index),
    key: text(number(batch.keyStarts, index), number(batch.keyEnds, index)),
    value: text(number(batch.valueStarts, index), number(batch.valueEnds, index)),
    headers: headersOf(batch, index),
  }))
}

/** A message on its way out; a text key becomes its bytes. */
export function outgoing(
  at: TopicPartition,
  value: Outgoing['value'],
  more: Omit<Partial<Outgoing>, 'key'> & { key?: string | Uint8Array | null } = {},
): Outgoing {
  const key = typeof more.key === 'string' ? Buffer.from(more.key) : (more.key ?? null)
  const message = { ...at, timestamp: 1_700_000_000_000, keyStart: 0, keyEnd: key?.length ?? 0, headers: null, ...more }
  return { ...message, key, value }
}

/** What one partition has delivered to one reader. */
export class Reading {
  readonly batches: Batch[] = []
  /** What `deliver` answers. */
  wantsMore = true
  readonly #reader: Reader
  readonly #at: TopicPartition

  constructor(reader: Reader, at: LogPartition, start: Start) {
    this.#reader = reader
    this.#at = at
    reader.add(at, start, batch => {
      this.batches.push(batch)
      this.delivered()
      return this.wantsMore
    })
  }

  /** Called from within `deliver`. */
  delivered: () => void = () => undefined

  get messages(): Seen[] {
    return this.batches.flatMap(messagesOf)
  }

  get values(): (string | null)[] {
    return this.messages.map(({ value }) => value)
  }

  get count(): number {
    return this.batches.reduce((sum, batch) => sum + batch.count, 0)
  }

  get position(): number | undefined {
    return this.#reader.position(this.#at)
  }

  resume(): void {
    this.#reader.resume(this.#at)
  }

  remove(): void {
    this.#reader.remove(this.#at)
  }
}

/** `value-0`, `value-1` … */
export function numbered(count: number, prefix: string = 'value'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
}

function headersOf({ headers }: Batch, index: number): Record<string, string> {
  if (!headers?.has(index)) return {}
  return Object.fromEntries(Array.from(headers.at(index), ([name, bytes]) => [name, Buffer.from(bytes).toString()]))
}

function number(column: Float64Array | Int32Array, index: number): number {
  return column[index] as number
}
