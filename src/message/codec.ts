import { EncodeError } from '../errors.js'
import { jsonText } from './json-text.js'

/** Turns plain values into bytes and back; both directions are synchronous and may throw. */
export interface Codec {
  encode(value: unknown): Uint8Array
  decode(bytes: Uint8Array): unknown
}

/** Decodes a range of a larger buffer, which stays the caller's. */
export type RangeDecoder = (buffer: Buffer, start: number, end: number) => unknown

/** JSON in UTF-8; encoding throws EncodeError for what JSON cannot hold (undefined, functions, bigint, cycles). */
export const json: Codec = {
  encode: value => Buffer.from(jsonText(value)),
  decode: bytes => JSON.parse(utf8(asBuffer(bytes), 0, bytes.length)),
}

/** Text in UTF-8; encoding throws EncodeError for anything but a string. */
export const text: Codec = {
  encode: value => Buffer.from(ownText(value)),
  decode: bytes => utf8(asBuffer(bytes), 0, bytes.length),
}

/** Bytes as they are; encoding throws EncodeError for anything but a Uint8Array. */
export const raw: Codec = {
  encode(value) {
    if (value instanceof Uint8Array) return value
    throw wrongKind('bytes', value, 'Send a Uint8Array')
  },
  decode: bytes => bytes,
}

/** The fastest way to decode ranges with a codec: no view for JSON and text, a copy for raw, a view for any other. */
export function rangeDecoder(codec: Codec): RangeDecoder {
  if (codec === json) return (buffer, start, end) => JSON.parse(utf8(buffer, start, end))
  if (codec === text) return utf8
  if (codec === raw) return copyOf
  return (buffer, start, end) => codec.decode(buffer.subarray(start, end))
}

/** In memory that small values share: a piece of memory for each costs eight times as much. */
function copyOf(buffer: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start)
  buffer.copy(copy, 0, start, end)
  return copy
}

/** Encodes a value, as a string where the bytes are its UTF-8, so that a producer may write it straight into its batch; throws EncodeError. */
export function encodeWith(codec: Codec, value: unknown): string | Uint8Array {
  if (codec === json) return jsonText(value)
  if (codec === text) return ownText(value)
  try {
    return codec.encode(value)
  } catch (error) {
    if (error instanceof EncodeError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new EncodeError(`Cannot encode the value: ${why}. Change the value or the codec.`, { cause: error })
  }
}

/** The text of a range, without the detours of `toString`. */
export function utf8(buffer: Buffer, start: number, end: number): string {
  return (buffer as Buffer & { utf8Slice: (start: number, end: number) => string }).utf8Slice(start, end)
}

/** The same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function ownText(value: unknown): string {
  if (typeof value === 'string') return value
  throw wrongKind('text', value, 'Send a string')
}

function wrongKind(codec: string, value: unknown, remedy: string): EncodeError {
  return new EncodeError(
    `Cannot write ${value === null ? 'null' : typeof value} as ${codec}. ${remedy}, or give the topic another codec.`,
  )
}
