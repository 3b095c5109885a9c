import { crc32 } from 'node:zlib'
import { EncodeError } from '../../errors.js'
import type { Headers } from '../../message/record.js'
import type { Outgoing } from '../../transport/transport.js'
import { entryBytes, writeEntry } from './header-entry.js'
import { header, headerSize, maxCount, maxDataBytes } from './layout.js'

/** Gathers messages of one partition into a block. Its memory grows as they come and is used again for the next block. */
export class OpenBlock {
  /** Messages so far. */
  count = 0
  /** Bytes of keys and values so far. */
  dataBytes = 0
  /** Bytes of headers so far. */
  headerBytes = 0
  #timestamps = new Float64Array(firstCount)
  #keys = new Int32Array(firstCount)
  #values = new Int32Array(firstCount)
  #bytes = allocate(firstBytes)
  #headers: WritableBuffer | null = null

  /** Whether a message of at most so many bytes of key, value and headers may be added. The first one always may. */
  hasRoomFor(bytes: number): boolean {
    if (this.count === 0) return true
    return this.count < maxCount && this.dataBytes + this.headerBytes + bytes <= maxDataBytes
  }

  /** Copies a message. Throws `EncodeError` for a header that has no room in a block, and is then as before. */
  add(message: Outgoing): void {
    const { key, value, headers } = message
    if (headers !== null && headers.size > 0) this.#addHeaders(headers, message.topic)
    const index = this.count
    if (index === this.#timestamps.length) this.#growColumns()
    const keyBytes = key === null ? 0 : message.keyEnd - message.keyStart
    const bytes = this.#roomFor(keyBytes + mostBytes(value))
    const valueStart = this.dataBytes + keyBytes
    let end = valueStart
    if (key !== null) writeKey(bytes, this.dataBytes, message)
    if (typeof value === 'string') end += bytes.utf8Write(value, end)
    else if (value !== null) {
      bytes.set(value, end)
      end += value.length
    }
    this.#timestamps[index] = message.timestamp
    this.#keys[index] = key === null ? -1 : keyBytes
    this.#values[index] = value === null ? -1 : end - valueStart
    this.dataBytes = end
    this.count = index + 1
  }

  /** The whole block, without what the broker writes; this is empty afterwards. */
  close(): Buffer {
    const { count, dataBytes, headerBytes } = this
    const bytesStart = headerSize + count * 16
    const headersStart = bytesStart + dataBytes
    const end = headersStart + headerBytes
    const block = Buffer.allocUnsafeSlow((end + 7) & ~7)
    const { buffer } = block
    block.fill(0, 0, headerSize).fill(0, end)
    const timestamps = new Float64Array(buffer, headerSize, count)
    const keys = new Int32Array(buffer, headerSize + count * 8, count)
    const values = new Int32Array(buffer, headerSize + count * 12, count)
    let latest = -Infinity
    for (let index = 0; index < count; index++) {
      const timestamp = this.#timestamps[index] as number
      if (timestamp > latest) latest = timestamp
      timestamps[index] = timestamp
      keys[index] = this.#keys[index] as number
      values[index] = this.#values[index] as number
    }
    this.#bytes.copy(block, bytesStart, 0, dataBytes)
    this.#headers?.copy(block, headersStart, 0, headerBytes)
    this.#writeHeader(block, latest)
    this.#reset()
    return block
  }

  #writeHeader(block: Buffer, latestTimestamp: number): void {
    block.writeUInt32LE(block.length, header.size)
    block.writeDoubleLE(latestTimestamp, header.latestTimestamp)
    block.writeUInt32LE(this.count, header.count)
    block.writeUInt32LE(crc32(block.subarray(headerSize)), header.bodyCrc)
    block.writeUInt32LE(this.count, header.span)
    block.writeUInt32LE(this.dataBytes, header.dataBytes)
    block.writeUInt32LE(this.headerBytes, header.headerBytes)
  }

  #reset(): void {
    this.count = 0
    this.dataBytes = 0
    this.headerBytes = 0
    if (this.#bytes.length > mostKept) this.#bytes = allocate(firstBytes)
    if (this.#headers !== null && this.#headers.length > mostKept) this.#headers = null
  }

  #addHeaders(headers: Headers, topic: string): void {
    for (const name of headers.keys()) if (name.length > shortName) checkName(name, topic)
    const needed = this.headerBytes + entryBytes(headers)
    const old = this.#headers
    if (old === null || needed > old.length) this.#headers = grown(old, this.headerBytes, needed)
    this.headerBytes = writeEntry(this.#headers as Buffer, this.headerBytes, { place: this.count, headers })
  }

  #roomFor(bytes: number): WritableBuffer {
    const needed = this.dataBytes + bytes
    if (needed > this.#bytes.length) this.#bytes = grown(this.#bytes, this.dataBytes, needed)
    return this.#bytes
  }

  #growColumns(): void {
    const length = this.#timestamps.length * 2
    const columns = [this.#timestamps, this.#keys, this.#values] as const
    this.#timestamps = new Float64Array(length)
    this.#keys = new Int32Array(length)
    this.#values = new Int32Array(length)
    this.#timestamps.set(columns[0])
    this.#keys.set(columns[1])
    this.#values.set(columns[2])
  }
}

/** What Node's buffers have besides what their types tell: no look-up of the encoding. */
type WritableBuffer = Buffer & { utf8Write(text: string, at: number): number }

const firstCount = 64
const firstBytes = 4 * 1024
/** A single large message is not paid for until the end. */
const mostKept = 512 * 1024
/** A text this long is measured instead of being given three bytes for each of its units. */
const longText = 16 * 1024
const mostNameBytes = 65_535
const shortName = mostNameBytes / 3

function mostBytes(value: Outgoing['value']): number {
  if (value === null) return 0
  if (typeof value !== 'string') return value.length
  return value.length > longText ? Buffer.byteLength(value) : value.length * 3
}

function writeKey(buffer: Buffer, at: number, { key, keyStart, keyEnd }: Outgoing): void {
  const bytes = key as Uint8Array
  const length = keyEnd - keyStart
  // A loop beats a view for what keys usually are.
  if (length > 32) buffer.set(bytes.subarray(keyStart, keyEnd), at)
  else for (let index = 0; index < length; index++) buffer[at + index] = bytes[keyStart + index] as number
}

function checkName(name: string, topic: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes <= mostNameBytes) return
  const text = `Cannot write a message to "${topic}": the name of a header has ${bytes} bytes, and ${mostNameBytes} are the most. Give it a shorter name.`
  throw new EncodeError(text, { topic })
}

function grown(old: Buffer | null, used: number, needed: number): WritableBuffer {
  const buffer = allocate(Math.max(needed, (old?.length ?? firstBytes / 8) * 2))
  old?.copy(buffer, 0, 0, used)
  return buffer
}

function allocate(bytes: number): WritableBuffer {
  return Buffer.allocUnsafeSlow(bytes) as WritableBuffer
}
