import { TransportError } from '../../errors.js'
import { thrown } from '../../lib/thrown.js'
import type { Batch, TopicPartition } from '../../transport/transport.js'
import { AbortedTransactions } from './aborted-transactions.js'
import type { Compression } from './compression.js'
import { crc32c } from './crc32c.js'
import { bytesBeforeLength, field, RecordBatch } from './record-batch.js'
import { RecordColumns, type Records } from './record-columns.js'
import type { AbortedTransaction } from '../wire/fetch.js'

/** What a broker answered for one partition. */
export interface Fetched {
  /** Record batches one behind the other, of which the last may be cut off. */
  readonly records: Buffer
  /** Every aborted transaction that reaches into them, when only committed messages are wanted; else `null`. */
  readonly aborted: readonly AbortedTransaction[] | null
}

/** How record batches are read. */
export interface RecordReaderOptions {
  readonly compression: Compression
  /** Whether checksums are compared; what is damaged is found without them as well where it cannot be read. */
  readonly checksCrc: boolean
}

/**
 * Turns what is fetched of one partition into batches of messages, some record batches at a time. Messages below `position`,
 * markers and aborted transactions are left out, and `position` passes them.
 */
export class RecordReader {
  /** Offset of the next message to read. To be changed between two answers only. */
  position: number
  /** Of the leader that took in what was read last; -1 before anything was read. */
  leaderEpoch = -1
  readonly #at: TopicPartition
  readonly #options: RecordReaderOptions
  #fetched: Buffer = noBytes
  #aborted = new AbortedTransactions([])
  /** Where in `#fetched` the next record batch begins. */
  #next = 0
  /** No offset in the rest of `#fetched` is lower. */
  #leastOffset = 0
  /** What was decompressed for the messages that are being gathered. */
  #expanded: Buffer[] = []
  #expandedBytes = 0

  constructor(at: TopicPartition, position: number, options: RecordReaderOptions) {
    this.#at = at
    this.position = position
    this.#options = options
  }

  /** Takes up an answer; what is left of the one before is forgotten. */
  open({ records, aborted }: Fetched): void {
    this.#fetched = records
    this.#aborted = new AbortedTransactions(aborted ?? [])
    this.#next = 0
    this.#leastOffset = 0
  }

  /**
   * The next messages of the answer, or `null` when it has no more. Throws `TransportError` at a record batch that cannot be
   * read, once all messages before it have been given; `position` stays with it, and so does the next call.
   */
  next(): Batch | null {
    const begin = this.#next
    columns.restart()
    this.#expanded = []
    this.#expandedBytes = 0
    try {
      for (let batch = this.#peek(begin); batch !== null; batch = this.#peek(begin)) this.#take(batch)
    } catch (error) {
      if (columns.count === 0) throw error
    }
    if (columns.count > 0) return this.#seal(begin)
    this.#fetched = noBytes
    this.#next = 0
    return null
  }

  /** The next record batch, if there is a whole one and it goes together with what was gathered since `begin`. */
  #peek(begin: number): RecordBatch | null {
    const buffer = this.#fetched
    const start = this.#next
    if (columns.count >= enoughMessages) return null
    if (columns.count > 0 && start - begin + this.#expandedBytes >= enoughBytes) return null
    if (buffer.length - start <= field.format) return this.#cutOff()
    const format = buffer.readInt8(start + field.format)
    if (format !== 2) throw this.#foreign(format)
    const end = start + bytesBeforeLength + buffer.readInt32BE(start + field.length)
    if (end > buffer.length) return this.#cutOff()
    if (end < start + field.records) throw this.#damaged('it is shorter than its own head')
    const batch = new RecordBatch(buffer, start, end)
    return columns.count === 0 || batch.isControl || batch.isCompressed === this.#expanded.length > 0 ? batch : null
  }

  /** Brokers cut off the last record batch of an answer, never the first: a reader could not get past it. */
  #cutOff(): null {
    if (this.#next > 0 || this.#fetched.length === 0) return null
    const why = `the answer of ${this.#fetched.length} bytes ends within its first record batch`
    throw new TransportError(`Cannot read ${this.#place}: ${why}. Fetch more bytes at a time.`)
  }

  #take(batch: RecordBatch): void {
    this.#check(batch)
    const isAborted = this.#aborted.include(batch, this.#fetched)
    if (!isAborted && !batch.isControl && batch.nextOffset > this.position) this.#addRecords(batch)
    this.#next = batch.end
    this.#leastOffset = batch.nextOffset
    this.leaderEpoch = this.#fetched.readInt32BE(batch.start + field.leaderEpoch)
    this.position = Math.max(this.position, batch.nextOffset)
  }

  #check({ start, end, baseOffset, lastOffsetDelta, nextOffset, count }: RecordBatch): void {
    if (this.#options.checksCrc) {
      const stated = this.#fetched.readUInt32BE(start + field.checksum)
      const found = crc32c(this.#fetched, start + field.attributes, end)
      if (found !== stated) throw this.#damaged(`its checksum is ${found}, not ${stated}`)
    }
    // The first offset is not under the checksum.
    if (baseOffset < this.#leastOffset || nextOffset > Number.MAX_SAFE_INTEGER) throw this.#damaged('its offset is out of order')
    if (lastOffsetDelta < 0 || count < 0) throw this.#damaged('its number of records is negative')
  }

  #addRecords(batch: RecordBatch): void {
    const start = batch.start + field.records
    const before = columns.count
    if (!batch.isCompressed) this.#add(batch, { bytes: this.#fetched, start, end: batch.end, shift: 0 })
    else {
      const bytes = this.#decompress(batch.compression, this.#fetched.subarray(start, batch.end))
      this.#add(batch, { bytes, start: 0, end: bytes.length, shift: this.#expandedBytes })
      if (columns.count === before) return
      this.#expanded.push(bytes)
      this.#expandedBytes += bytes.length
    }
  }

  #add(batch: RecordBatch, records: Records): void {
    if (!columns.add(batch, records, this.position)) throw this.#damaged('a record does not fit into it')
  }

  #decompress(compression: number, bytes: Buffer): Buffer {
    try {
      return this.#options.compression.decompress(compression, bytes)
    } catch (error) {
      const { message } = thrown(error)
      throw new TransportError(`Cannot read ${this.#place}. ${message}`, { cause: error, retriable: false })
    }
  }

  #seal(begin: number): Batch {
    const expanded = this.#expanded
    const [only = this.#fetched] = expanded
    return columns.seal({
      at: this.#at,
      buffer: expanded.length > 1 ? Buffer.concat(expanded) : only,
      nextOffset: this.position,
      bytes: expanded.length > 0 ? this.#expandedBytes : this.#next - begin,
    })
  }

  get #place(): string {
    return `"${this.#at.topic}"[${this.#at.partition}]@${this.position}`
  }

  #damaged(why: string): TransportError {
    const remedy = 'Read it again; if it stays so, the broker has stored it so: go on behind it.'
    return new TransportError(`Cannot read ${this.#place}: the record batch is damaged, ${why}. ${remedy}`)
  }

  #foreign(format: number): TransportError {
    const isOld = format === 0 || format === 1
    const why = `the record batch is in message format ${format}, ${isOld ? 'from before Kafka 0.11' : 'and not in format 2'}`
    const remedy = isOld ? 'Copy the topic into a new one, or go on behind it.' : 'Update faust-ts, or go on behind it.'
    return new TransportError(`Cannot read ${this.#place}: ${why}. ${remedy}`, { retriable: false })
  }
}

const noBytes = Buffer.alloc(0)

/** A batch ends with the record batch that brings it here, so that readers can be paused in the middle of a large answer. */
const enoughMessages = 1024
const enoughBytes = 256 * 1024

/** One for all readers: nothing stays in it from one call to the next. */
const columns = new RecordColumns()
