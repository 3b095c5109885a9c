// Kafka's numbers of variable length: zigzag (small negatives stay small), seven bits to a byte, the lowest first.

/** Reads numbers one after the other from a range of bytes. One that cannot be leaves `at` past `end`. */
export class VarintCursor {
  bytes: Uint8Array = nothing
  at = 0
  end = 0

  over(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes
    this.at = start
    this.end = end
    return this
  }

  /** A number of 32 bits. */
  varint(): number {
    const { bytes, at } = this
    const first = bytes[at]!
    if (first < 0x80) {
      this.at = at + 1
      return (first >>> 1) ^ -(first & 1)
    }
    const second = bytes[at + 1]!
    if (second < 0x80) {
      this.at = at + 2
      return ((second << 6) | ((first & 0x7f) >>> 1)) ^ -(first & 1)
    }
    return this.#longVarint()
  }

  /** A number of 64 bits; beyond 2^53 it loses its last digits. */
  varlong(): number {
    const { bytes, at } = this
    const first = bytes[at]!
    const second = bytes[at + 1]!
    return first < 0x80 || second < 0x80 ? this.varint() : this.#longVarlong()
  }

  /** Moves on, or past the end when there is not so much. */
  skip(count: number): void {
    if (count > this.end - this.at) this.#fail()
    else this.at += count
  }

  #longVarint(): number {
    const { bytes, at } = this
    let bits = 0
    for (let index = 0; index < 5; index++) {
      const byte = bytes[at + index]!
      bits |= (byte & 0x7f) << (7 * index)
      if (byte < 0x80) {
        this.at = at + index + 1
        return (bits >>> 1) ^ -(bits & 1)
      }
    }
    return this.#fail()
  }

  #longVarlong(): number {
    const { bytes, at } = this
    const isNegative = (bytes[at]! & 1) === 1
    let magnitude = (bytes[at]! & 0x7f) >>> 1
    let weight = 64
    for (let index = 1; index < 10; index++) {
      const byte = bytes[at + index]!
      magnitude += (byte & 0x7f) * weight
      weight *= 128
      if (byte < 0x80) {
        this.at = at + index + 1
        return isNegative ? -magnitude - 1 : magnitude
      }
    }
    return this.#fail()
  }

  #fail(): number {
    this.at = this.end + 1
    return 0
  }
}

const nothing = new Uint8Array(0)

/** Writes a number of 32 bits; returns where the next byte goes. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let bits = (value << 1) ^ (value >> 31)
  let next = at
  while ((bits & ~0x7f) !== 0) {
    bytes[next++] = (bits & 0x7f) | 0x80
    bits >>>= 7
  }
  bytes[next++] = bits
  return next
}

/** Writes a whole number within ±2^53; returns where the next byte goes. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(bytes, at, value)
  let magnitude = value < 0 ? -value - 1 : value
  let byte = (magnitude % 64) * 2 + (value < 0 ? 1 : 0)
  let next = at
  for (magnitude = Math.floor(magnitude / 64); magnitude > 0; magnitude = Math.floor(magnitude / 128)) {
    bytes[next++] = byte | 0x80
    byte = magnitude % 128
  }
  bytes[next++] = byte
  return next
}

/** Bytes that `writeVarint` takes for `value`. */
export function varintBytes(value: number): number {
  const bits = ((value << 1) ^ (value >> 31)) >>> 0
  if (bits < 0x80) return 1
  if (bits < 0x4000) return 2
  if (bits < 0x20_0000) return 3
  return bits < 0x1000_0000 ? 4 : 5
}
