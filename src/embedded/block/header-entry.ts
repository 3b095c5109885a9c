import type { Headers } from '../../message/record.js'

/** Place in the block of the message that the entry at `at` of a block's headers belongs to. */
export function placeOf(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at)
}

/** Where the entry at `at` ends; -1 when it does not end before `limit`. */
export function entryEnd(bytes: Buffer, at: number, limit: number): number {
  let end = at + 8
  if (end > limit) return -1
  for (let left = bytes.readUInt32LE(at + 4); left > 0; left--) {
    if (end + 2 > limit) return -1
    end += 2 + bytes.readUInt16LE(end)
    if (end + 4 > limit) return -1
    end += 4 + bytes.readUInt32LE(end)
    if (end > limit) return -1
  }
  return end
}

/** The headers of an entry; their values are views of `bytes`. */
export function headersAt(bytes: Buffer, at: number): Headers {
  const headers = new Map<string, Uint8Array>()
  let position = at + 8
  for (let left = bytes.readUInt32LE(at + 4); left > 0; left--) {
    const nameEnd = position + 2 + bytes.readUInt16LE(position)
    const end = nameEnd + 4 + bytes.readUInt32LE(nameEnd)
    headers.set(bytes.toString('utf8', position + 2, nameEnd), bytes.subarray(nameEnd + 4, end))
    position = end
  }
  return headers
}

/** Bytes of an entry. */
export function entryBytes(headers: Headers): number {
  let size = 8
  for (const [name, value] of headers) size += 6 + Buffer.byteLength(name) + value.length
  return size
}

/** Writes an entry that has been measured; returns where it ends. */
export function writeEntry(bytes: Buffer, at: number, { place, headers }: { place: number; headers: Headers }): number {
  let end = bytes.writeUInt32LE(headers.size, bytes.writeUInt32LE(place, at))
  for (const [name, value] of headers) {
    const length = bytes.write(name, end + 2)
    bytes.writeUInt16LE(length, end)
    end = bytes.writeUInt32LE(value.length, end + 2 + length)
    bytes.set(value, end)
    end += value.length
  }
  return end
}
