import { ValidationError } from '../errors.js'
import { asBuffer, type Codec, encodeWith, utf8 } from './codec.js'
import { jsonText } from './json-text.js'
import { checkOf, type Schema, validationError } from './schema.js'

/** The bytes of a key, where no schema says more about them. */
export interface RawKey extends Uint8Array {}

/** What may be given as a key: without a key schema it is read as bytes and sent as text or bytes. */
export type KeyInput<Key> = 0 extends 1 & Key ? Key : [Key] extends [RawKey | null] ? string | Uint8Array | null : Key

/** A key's bytes: of text its UTF-8, of anything else JSON with sorted property names, unless there is a codec; throws EncodeError. */
export function encodeKey(key: unknown, keyCodec: Codec | undefined): Buffer | null {
  if (key === null || key === undefined) return null
  if (keyCodec !== undefined) return bytesOf(encodeWith(keyCodec, key))
  return bytesOf(typeof key === 'string' || key instanceof Uint8Array ? key : jsonText(key, sorted))
}

/** Reads keys back: the schema is offered the text first, then the parsed JSON, or what the codec makes of the bytes; throws ValidationError. */
export function keyDecoder(schema: Schema | undefined, keyCodec: Codec | undefined): (bytes: Buffer | null) => unknown {
  const check = schema && (checkOf(schema) ?? (value => ({ value })))
  if (check === undefined) return bytes => (bytes === null || keyCodec === undefined ? bytes : keyCodec.decode(bytes))
  const attempt = (key: unknown): Attempt => {
    const result = check(key)
    if (!(result instanceof Promise)) return result
    result.catch(() => undefined)
    throw new ValidationError('the schema of a key must validate synchronously, got a promise')
  }
  return bytes => {
    if (bytes === null || keyCodec !== undefined) return outputOf(attempt(bytes && keyCodec ? keyCodec.decode(bytes) : bytes))
    const text = utf8(bytes, 0, bytes.length)
    const asText = attempt(text)
    if (!asText.issues) return asText.value
    const parsed = parse(text)
    const asJson = parsed === undefined ? asText : attempt(parsed)
    // Of two refusals the one that tells more.
    return outputOf(asJson.issues && typeof parsed !== 'object' ? asText : asJson)
  }
}

type Attempt = Awaited<ReturnType<NonNullable<ReturnType<typeof checkOf>>>>

function outputOf(attempt: Attempt): unknown {
  if (attempt.issues) throw validationError(attempt.issues)
  return attempt.value
}

function bytesOf(encoded: string | Uint8Array): Buffer {
  return typeof encoded === 'string' ? Buffer.from(encoded) : asBuffer(encoded)
}

function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
}

/** Undefined when it is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
