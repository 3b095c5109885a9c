/** Where the fields of a record batch lie, counted from its first byte (message format 2, Kafka 0.11 and newer). */
export const field = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  format: 16,
  checksum: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61,
} as const

/** What the attributes of a record batch say. */
export const attribute = { compression: 0x07, isAppendTime: 0x08, isTransactional: 0x10, isControl: 0x20 } as const

/** What `field.length` does not count. */
export const bytesBeforeLength: number = field.leaderEpoch

/** The head of a record batch that lies in a buffer. */
export class RecordBatch {
  readonly start: number
  readonly end: number
  readonly attributes: number
  readonly count: number
  readonly baseOffset: number
  readonly lastOffsetDelta: number
  /** Offset after the batch, also when its last records were compacted away. */
  readonly nextOffset: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number

  constructor(buffer: Buffer, start: number, end: number) {
    this.start = start
    this.end = end
    this.attributes = buffer.readInt16BE(start + field.attributes)
    this.count = buffer.readInt32BE(start + field.count)
    this.baseOffset = readLong(buffer, start + field.baseOffset)
    this.lastOffsetDelta = buffer.readInt32BE(start + field.lastOffsetDelta)
    this.nextOffset = this.baseOffset + this.lastOffsetDelta + 1
    this.baseTimestamp = readLong(buffer, start + field.baseTimestamp)
    this.maxTimestamp = readLong(buffer, start + field.maxTimestamp)
    this.producerId = readLong(buffer, start + field.producerId)
  }

  get compression(): number {
    return this.attributes & attribute.compression
  }

  get isCompressed(): boolean {
    return this.compression !== 0
  }

  get isTransactional(): boolean {
    return (this.attributes & attribute.isTransactional) !== 0
  }

  /** Whether the broker's time counts, and not what the records say. */
  get isAppendTime(): boolean {
    return (this.attributes & attribute.isAppendTime) !== 0
  }

  /** Whether it has the marker that ends a transaction, and no messages. */
  get isControl(): boolean {
    return (this.attributes & attribute.isControl) !== 0
  }
}

/** A whole number of 64 bits; beyond 2^53 it loses its last digits. */
export function readLong(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4)
}

/** Writes a whole number within ±2^53 as 64 bits. */
export function writeLong(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / 2 ** 32), at)
  buffer.writeUInt32BE(value >>> 0, at + 4)
}
