// Record batches of a test.
import { Compression, type Algorithm } from './compression.js'
import { crc32c } from './crc32c.js'
import { attribute, field } from './record-batch.js'
import { RecordWriter } from './record-writer.js'

/** Without any algorithm: no package is loaded for it. */
export const noCompression: Compression = new Compression({
  snappy: bytes => bytes,
  lz4: bytes => bytes,
  zstd: { compress: bytes => bytes, decompress: bytes => bytes } satisfies Algorithm,
})

/** Messages without keys. */
export function batchOf(values: readonly string[], options: { producerId?: number; isControl?: boolean } = {}): Buffer {
  const { producerId = -1, isControl = false } = options
  const writer = new RecordWriter(noCompression)
  for (const value of values) {
    const key = isControl ? Buffer.from([0, 0, 0, value === 'commit' ? 1 : 0]) : null
    const place = { topic: '', partition: 0, timestamp: 1_700_000_000_000, headers: null }
    writer.append({ ...place, key, keyStart: 0, keyEnd: key?.length ?? 0, value })
  }
  const isTransactional = producerId >= 0
  const batch = writer.close({ producerId, producerEpoch: 0, baseSequence: -1, isTransactional, compression: 'none' })
  return isControl
    ? changed(batch, own => own.writeInt16BE(attribute.isControl | attribute.isTransactional, field.attributes))
    : batch
}

/** The marker that ends a transaction. */
export function markerOf(producerId: number, outcome: 'abort' | 'commit'): Buffer {
  return batchOf([outcome], { producerId, isControl: true })
}

/** A batch that was written otherwise: its checksum is right. */
export function changed(whole: Buffer, change: (batch: Buffer) => unknown): Buffer {
  const batch = Buffer.from(whole)
  change(batch)
  batch.writeUInt32BE(crc32c(batch, field.attributes, batch.length), field.checksum)
  return batch
}
