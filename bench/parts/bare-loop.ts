// The hand-written loops that the river is measured against: the same work with no library at all.
import { batchBytes, isKept, partitionOf, partitions, type BenchEvent, type InputBatch } from './input.js'

export interface Counts {
  readonly events: number
  readonly outputs: number
  readonly bytes: number
}

/** Sees the outputs of a partition before their buffer is used again. */
export type Flush = (batch: OutputBatch) => void

/** What Node's buffers have and its types leave out. */
export interface Bytes {
  utf8Slice(start: number, end: number): string
  utf8Write(text: string, offset: number): number
}

const maxMessages = 8192

/** The open batch of one partition, in columns as on the way in. */
export class OutputBatch {
  readonly buffer = Buffer.allocUnsafeSlow(batchBytes)
  readonly timestamps = new Float64Array(maxMessages)
  readonly keyStarts = new Int32Array(maxMessages)
  readonly valueStarts = new Int32Array(maxMessages)
  readonly valueEnds = new Int32Array(maxMessages)
  count = 0
  used = 0
  readonly #flush: Flush

  constructor(flush: Flush) {
    this.#flush = flush
  }

  append(from: InputBatch, index: number, text: string): void {
    const start = from.keyStarts[index]!
    const end = from.keyEnds[index]!
    if (this.count === maxMessages || this.used + (end - start) + 3 * text.length > batchBytes) this.send()
    const source = from.buffer
    const target = this.buffer
    const n = this.count++
    let at = this.used
    this.timestamps[n] = from.timestamps[index]!
    this.keyStarts[n] = at
    for (let i = start; i < end; i++) target[at++] = source[i]!
    this.valueStarts[n] = at
    at += (target as unknown as Bytes).utf8Write(text, at)
    this.valueEnds[n] = at
    this.used = at
  }

  send(): void {
    this.#flush(this)
    this.count = 0
    this.used = 0
  }
}

class Outputs {
  count = 0
  bytes = 0
  readonly #batches: OutputBatch[]

  constructor(flush: Flush | undefined) {
    const count: Flush = batch => {
      this.count += batch.count
      this.bytes += batch.used
      flush?.(batch)
    }
    this.#batches = Array.from({ length: partitions }, () => new OutputBatch(count))
  }

  write(from: InputBatch, index: number, value: unknown): void {
    const partition = partitionOf(from.buffer, from.keyStarts[index]!, from.keyEnds[index]!)
    this.#batches[partition]!.append(from, index, JSON.stringify(value))
  }

  finish(events: number): Counts {
    for (const batch of this.#batches) batch.send()
    return { events, outputs: this.count, bytes: this.bytes }
  }
}

export const decode = (bytes: Bytes, start: number, end: number): BenchEvent =>
  JSON.parse(bytes.utf8Slice(start, end)) as BenchEvent

/** Decode, filter, map, encode in one synchronous loop: what the work itself costs. */
export function bareLoop(input: readonly InputBatch[], flush?: Flush): Counts {
  const outputs = new Outputs(flush)
  let events = 0
  for (const batch of input) {
    const { count, valueStarts, valueEnds } = batch
    const bytes = batch.buffer as unknown as Bytes
    for (let i = 0; i < count; i++) {
      const event = decode(bytes, valueStarts[i]!, valueEnds[i]!)
      if (isKept(event)) outputs.write(batch, i, { id: event.id, double: event.amount * 2 })
    }
    events += count
  }
  return outputs.finish(events)
}

interface Doubled {
  readonly id: number
  readonly double: number
}

/** What a user would write, and write again for the library. */
export async function* agent(events: AsyncIterable<BenchEvent>): AsyncGenerator<Doubled, void, undefined> {
  for await (const event of events) {
    if (isKept(event)) yield { id: event.id, double: event.amount * 2 }
  }
}

/** Hands out the events of the batches one by one, and knows which one is in hand. */
class Source implements AsyncIterableIterator<BenchEvent> {
  batch: InputBatch
  index = -1
  events = 0
  #next = 0
  #values: BenchEvent[] = []
  readonly #input: readonly InputBatch[]

  constructor(input: readonly InputBatch[]) {
    this.#input = input
    this.batch = input[0]!
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<BenchEvent>> {
    const index = ++this.index
    if (index < this.#values.length) return Promise.resolve({ value: this.#values[index]!, done: false })
    return this.#open()
  }

  #open(): Promise<IteratorResult<BenchEvent>> {
    const batch = this.#input[this.#next++]
    if (!batch) return Promise.resolve({ value: undefined, done: true })
    const { count, valueStarts, valueEnds } = batch
    const bytes = batch.buffer as unknown as Bytes
    const values: BenchEvent[] = []
    values.length = count
    for (let i = 0; i < count; i++) values[i] = decode(bytes, valueStarts[i]!, valueEnds[i]!)
    this.#values = values
    this.batch = batch
    this.index = 0
    this.events += count
    return Promise.resolve({ value: values[0]!, done: false })
  }
}

/** The same through an async iterator, `for await` in an async generator, and a driver: what an agent costs at least. */
export function bareAgent(input: readonly InputBatch[], flush?: Flush): Promise<Counts> {
  const outputs = new Outputs(flush)
  const source = new Source(input)
  const results = agent(source)
  return new Promise((resolve, reject) => {
    const on = (result: IteratorResult<Doubled, void>): void => {
      if (result.done) return resolve(outputs.finish(source.events))
      outputs.write(source.batch, source.index, result.value)
      results.next().then(on, reject)
    }
    results.next().then(on, reject)
  })
}
