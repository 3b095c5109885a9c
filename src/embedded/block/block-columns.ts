import { countOf } from './block-header.js'
import { hasOffsets, header, headerSize } from './layout.js'

/** Where things lie in a block that has been verified; positions count from its first byte. */
export class BlockColumns {
  readonly count: number
  /** Milliseconds since 1970. */
  readonly timestamps: Float64Array
  /** Bytes of each key, -1 for none. */
  readonly keys: Int32Array
  /** Bytes of each value, -1 for a tombstone. */
  readonly values: Int32Array
  /** Offsets minus the base offset; `null` while they are 0, 1, 2 … */
  readonly offsets: Uint32Array | null
  readonly bytesStart: number
  readonly headersStart: number
  readonly headersEnd: number

  constructor(block: Buffer) {
    const { buffer, byteOffset } = aligned(block)
    const count = countOf(block)
    const columns = byteOffset + headerSize
    const isSparse = (block.readUInt32LE(header.flags) & hasOffsets) !== 0
    this.count = count
    this.timestamps = new Float64Array(buffer, columns, count)
    this.keys = new Int32Array(buffer, columns + count * 8, count)
    this.values = new Int32Array(buffer, columns + count * 12, count)
    this.offsets = isSparse ? new Uint32Array(buffer, columns + count * 16, count) : null
    this.bytesStart = headerSize + count * (isSparse ? 20 : 16)
    this.headersStart = this.bytesStart + block.readUInt32LE(header.dataBytes)
    this.headersEnd = this.headersStart + block.readUInt32LE(header.headerBytes)
  }
}

/** Typed arrays begin at multiples of eight only. */
function aligned(block: Buffer): Buffer {
  if (block.byteOffset % 8 === 0) return block
  const copy = Buffer.allocUnsafeSlow(block.length)
  copy.set(block)
  return copy
}
