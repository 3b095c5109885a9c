import { TransportError } from '../../errors.js'

/**
 * Reads what Kafka's flexible answers are made of, one after the other, out of one buffer. Reading past its end throws a
 * `TransportError` that is not worth another try.
 */
export class ByteReader {
  readonly #buffer: Buffer
  #at: number

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer
    this.#at = at
  }

  get remaining(): number {
    return this.#buffer.length - this.#at
  }

  int8(): number {
    return this.#buffer.readInt8(this.#pass(1))
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#pass(2))
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#pass(4))
  }

  /** Exact within ±2^53. */
  int64(): number {
    const at = this.#pass(8)
    return this.#buffer.readInt32BE(at) * 2 ** 32 + this.#buffer.readUInt32BE(at + 4)
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  /** A number that is not negative, of 32 bits at most. */
  varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#pass(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80 || shift >= 28) return value >>> 0
    }
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  nullableString(): string | null {
    const length = this.varint() - 1
    if (length < 0) return null
    const at = this.#pass(length)
    return this.#buffer.toString('utf8', at, at + length)
  }

  /** A view, not a copy; `null` and empty are the same. */
  bytes(): Buffer {
    return this.raw(Math.max(0, this.varint() - 1))
  }

  /** A view of the next bytes. */
  raw(length: number): Buffer {
    const at = this.#pass(length)
    return this.#buffer.subarray(at, at + length)
  }

  /** An identity as Kafka prints it (base64url). */
  uuid(): string {
    const at = this.#pass(16)
    return this.#buffer.toString('base64url', at, at + 16)
  }

  /** `null` and empty are the same. */
  array<Item>(read: () => Item): Item[] {
    const items: Item[] = []
    for (let left = this.varint() - 1; left > 0; left--) items.push(read())
    return items
  }

  int32s(): number[] {
    return this.array(() => this.int32())
  }

  /** Passes tagged fields: (count, tag, size)*. Those that `read` knows it may look at, in a reader of their own. */
  tags(read?: (tag: number, field: ByteReader) => void): void {
    for (let left = this.varint(); left > 0; left--) {
      const tag = this.varint()
      const field = this.raw(this.varint())
      read?.(tag, new ByteReader(field))
    }
  }

  /** `value` after the tagged fields that end its structure. */
  ended<Value>(value: Value): Value {
    this.tags()
    return value
  }

  #pass(length: number): number {
    const at = this.#at
    if (at + length > this.#buffer.length) throw cutShort(at, this.#buffer.length)
    this.#at = at + length
    return at
  }
}

function cutShort(at: number, length: number): TransportError {
  return new TransportError(
    `An answer of the broker cannot be read: it ends at byte ${length}, in the middle of a field that begins at ${at}.`,
    {
      retriable: false,
    },
  )
}
