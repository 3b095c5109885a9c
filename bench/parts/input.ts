// What every variant of `stateless` reads: columnar batches of 100-byte JSON events, the same bytes in every process.

/** A run of messages of one partition over one buffer; has the columns that a broker driver delivers. */
export interface InputBatch {
  readonly topic: string
  readonly partition: number
  readonly count: number
  readonly buffer: Buffer
  readonly offsets: Float64Array
  /** Milliseconds since 1970. */
  readonly timestamps: Float64Array
  readonly keyStarts: Int32Array
  readonly keyEnds: Int32Array
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  readonly headers: null
  readonly nextOffset: number
  readonly bytes: number
}

/** What the bytes of a value say. */
export interface BenchEvent {
  readonly id: number
  readonly account: string
  readonly amount: number
  readonly currency: string
  readonly note: string
}

export const partitions = 4
export const batchBytes = 256 * 1024
const keys = 10_000
const valueBytes = 100
const distinctBatches = 112 * partitions
const firstTimestamp = Date.UTC(2026, 0, 1)

let ring: readonly InputBatch[] | undefined

/** Keeps about half of the events. */
export const isKept = (event: BenchEvent): boolean => event.amount % 2 === 0

/** The 100-byte value of `produce` and `consume`, as text. */
export const valueOf = (id: number): string => values[id % values.length]!

/** Hash of a key's bytes as the Java client computes it; signed. */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  let hash = 0x9747b28c ^ length
  let i = start
  for (const stop = end - 3; i < stop; i += 4) {
    let word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    word = Math.imul(word, 0x5bd1e995)
    hash = Math.imul(hash, 0x5bd1e995) ^ Math.imul(word ^ (word >>> 24), 0x5bd1e995)
  }
  const rest = end - i
  if (rest === 3) hash ^= bytes[i + 2]! << 16
  if (rest >= 2) hash ^= bytes[i + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[i]!, 0x5bd1e995)
  hash = Math.imul(hash ^ (hash >>> 13), 0x5bd1e995)
  return hash ^ (hash >>> 15)
}

export const partitionOf = (bytes: Uint8Array, start: number, end: number): number =>
  (murmur2(bytes, start, end) & 0x7fffffff) % partitions

/**
 * Batches that hold exactly `events` events; offsets go on. A million events lie in bytes of their own (112 MiB), as they
 * do in a broker: no variant gets its input from the processor's cache. What is more comes from the beginning again.
 */
export function makeInput(events: number): InputBatch[] {
  ring ??= makeRing()
  const next = Array.from({ length: partitions }, () => 0)
  const input: InputBatch[] = []
  for (let left = events, i = 0; left > 0; i++) {
    const batch = ring[i % ring.length]!
    const count = Math.min(left, batch.count)
    const first = next[batch.partition]!
    const offsets = Float64Array.from({ length: count }, (_, at) => first + at)
    next[batch.partition] = first + count
    input.push({ ...batch, count, offsets, nextOffset: first + count })
    left -= count
  }
  return input
}

class Filling {
  readonly buffer = Buffer.allocUnsafeSlow(batchBytes)
  readonly keyStarts: number[] = []
  readonly keyEnds: number[] = []
  readonly valueStarts: number[] = []
  readonly valueEnds: number[] = []
  readonly timestamps: number[] = []
  used = 0

  /** Answers whether it had room. */
  add(key: string, value: string, timestamp: number): boolean {
    if (this.used + key.length + value.length > batchBytes) return false
    this.keyStarts.push(this.used)
    this.used += this.buffer.write(key, this.used, 'latin1')
    this.keyEnds.push(this.used)
    this.valueStarts.push(this.used)
    this.used += this.buffer.write(value, this.used, 'latin1')
    this.valueEnds.push(this.used)
    this.timestamps.push(timestamp)
    return true
  }

  finish(partition: number): InputBatch {
    return {
      topic: 'events',
      partition,
      count: this.keyStarts.length,
      buffer: this.buffer,
      offsets: new Float64Array(),
      timestamps: Float64Array.from(this.timestamps),
      keyStarts: Int32Array.from(this.keyStarts),
      keyEnds: Int32Array.from(this.keyEnds),
      valueStarts: Int32Array.from(this.valueStarts),
      valueEnds: Int32Array.from(this.valueEnds),
      headers: null,
      nextOffset: 0,
      bytes: this.used,
    }
  }
}

function makeRing(): InputBatch[] {
  const random = makeRandom(20_261_121)
  const made: InputBatch[] = []
  const open = Array.from({ length: partitions }, () => new Filling())
  const scratch = Buffer.alloc(64)
  for (let id = 1_000_000; made.length < distinctBatches; id++) {
    const key = `account-${String(random() % keys).padStart(5, '0')}`
    const value = makeValue(id, key, random() % 1000)
    const partition = partitionOf(scratch, 0, scratch.write(key, 'latin1'))
    const timestamp = firstTimestamp + id
    if (open[partition]!.add(key, value, timestamp)) continue
    made.push(open[partition]!.finish(partition))
    open[partition] = new Filling()
    open[partition].add(key, value, timestamp)
  }
  return made
}

function makeValue(id: number, account: string, amount: number): string {
  const event: BenchEvent = { id, account, amount, currency: 'EUR', note: '' }
  const short = JSON.stringify(event).length
  return JSON.stringify({ ...event, note: 'stream processing, one event at a time'.slice(0, valueBytes - short) })
}

/** Whole numbers below 2^31 from a seed: a linear congruential generator without its weak low bits. */
function makeRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    const high = state >>> 16
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return ((high << 15) ^ (state >>> 16)) & 0x7fffffff
  }
}

const values = Array.from({ length: 1000 }, (_, id) => makeValue(1_000_000 + id, `account-${String(id).padStart(5, '0')}`, id))
