/**
 * Writes what Kafka's flexible requests are made of: big-endian numbers, lengths as varints plus one, tagged fields (always
 * none). Long byte strings are not copied but kept as parts, so their owner leaves them alone until the request is sent.
 */
export class ByteWriter {
  readonly #parts: Buffer[] = []
  #buffer: Buffer = Buffer.allocUnsafe(256)
  #start = 0
  #at = 0

  /** All that was written, in order; the writer is not used any more after that. */
  parts(): readonly Buffer[] {
    this.#cut()
    return this.#parts
  }

  /** All that was written, as one. */
  toBuffer(): Buffer {
    return Buffer.concat(this.parts())
  }

  int8(value: number): this {
    this.#at = this.#room(1).writeInt8(value, this.#at)
    return this
  }

  int16(value: number): this {
    this.#at = this.#room(2).writeInt16BE(value, this.#at)
    return this
  }

  int32(value: number): this {
    this.#at = this.#room(4).writeInt32BE(value, this.#at)
    return this
  }

  /** A whole number within ±2^53. */
  int64(value: number): this {
    const high = Math.floor(value / 2 ** 32)
    const buffer = this.#room(8)
    buffer.writeInt32BE(high, this.#at)
    this.#at = buffer.writeUInt32BE(value - high * 2 ** 32, this.#at + 4)
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  /** A number that is not negative. */
  varint(value: number): this {
    const buffer = this.#room(5)
    let rest = value
    while (rest > 0x7f) {
      buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    buffer[this.#at++] = rest
    return this
  }

  string(value: string | null): this {
    if (value === null) return this.varint(0)
    const length = Buffer.byteLength(value)
    this.varint(length + 1)
    this.#room(length).write(value, this.#at, 'utf8')
    this.#at += length
    return this
  }

  bytes(value: Uint8Array | null): this {
    return value === null ? this.varint(0) : this.varint(value.length + 1).raw(value)
  }

  /** Bytes without a length before them. */
  raw(value: Uint8Array): this {
    if (value.length >= worthKeeping) {
      this.#cut()
      this.#parts.push(Buffer.from(value.buffer, value.byteOffset, value.length))
    } else {
      this.#room(value.length).set(value, this.#at)
      this.#at += value.length
    }
    return this
  }

  /** An identity as Kafka prints it (base64url); `null` is the identity of nothing. */
  uuid(value: string | null): this {
    return this.raw(value === null ? noUuid : Buffer.from(value, 'base64url'))
  }

  /** `null` is not the same as none. */
  array<Item>(items: readonly Item[] | null, write: (item: Item) => unknown): this {
    if (items === null) return this.varint(0)
    this.varint(items.length + 1)
    items.forEach(write)
    return this
  }

  int32s(values: readonly number[]): this {
    return this.array(values, value => this.int32(value))
  }

  /** The end of a request and of each structure in it. */
  tags(): this {
    return this.varint(0)
  }

  #room(length: number): Buffer {
    if (this.#at + length > this.#buffer.length) {
      this.#cut()
      this.#buffer = Buffer.allocUnsafe(Math.max(length, 2 * this.#buffer.length))
      this.#start = this.#at = 0
    }
    return this.#buffer
  }

  #cut(): void {
    if (this.#at > this.#start) this.#parts.push(this.#buffer.subarray(this.#start, this.#at))
    this.#start = this.#at
  }
}

const worthKeeping = 1024
const noUuid = Buffer.alloc(16)
