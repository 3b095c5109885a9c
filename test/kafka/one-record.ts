import { crc32c } from '../../src/kafka/records/crc32c.js'

/** Whose batch it is; nobody's unless said. */
export interface BatchOwner {
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly sequence?: number
  readonly isTransactional?: boolean
}

/** A record batch of one value without a key, made by hand: no codec of ours is in it. */
export function oneRecord(value: string, owner: BatchOwner = {}): Buffer {
  const { producerId = -1, producerEpoch = -1, sequence = -1, isTransactional = false } = owner
  const text = Buffer.from(value)
  // Attributes, timestamp delta, offset delta, no key; then the value, and no headers.
  const record = Buffer.concat([Buffer.from([0, 0, 0, 1]), varint(text.length), text, Buffer.from([0])])
  const records = Buffer.concat([varint(record.length), record])
  const batch = Buffer.alloc(61 + records.length)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(2, 16)
  batch.writeInt16BE(isTransactional ? 0x10 : 0, 21)
  // One and the same: a broker corrects a highest timestamp that is not that of a record.
  const now = BigInt(Date.now())
  batch.writeBigInt64BE(now, 27)
  batch.writeBigInt64BE(now, 35)
  batch.writeBigInt64BE(BigInt(producerId), 43)
  batch.writeInt16BE(producerEpoch, 51)
  batch.writeInt32BE(sequence, 53)
  batch.writeInt32BE(1, 57)
  records.copy(batch, 61)
  batch.writeUInt32BE(crc32c(batch, 21, batch.length), 17)
  return batch
}

function varint(positive: number): Buffer {
  const bytes: number[] = []
  let zigzag = positive * 2
  for (; zigzag > 0x7f; zigzag >>>= 7) bytes.push((zigzag & 0x7f) | 0x80)
  return Buffer.from([...bytes, zigzag])
}
