import { EncodeError, ValidationError } from '../errors.js'
import { type Codec, json } from './codec.js'
import { jsonText } from './json-text.js'

/**
 * JSON as Python Faust's records write it, with `__faust: { ns }` as the last property; reading strips it, also from nested records.
 * Encoding anything but an object throws EncodeError, reading a record of another namespace ValidationError.
 */
export function pythonFaust(namespace: string): Codec {
  const mark = `"__faust":${JSON.stringify({ ns: namespace })}}`
  return {
    encode(value) {
      const text = jsonText(
        value !== null && typeof value === 'object' && '__faust' in value ? { ...value, __faust: undefined } : value,
      )
      if (!text.startsWith('{'))
        throw new EncodeError(
          `Cannot write ${Array.isArray(value) ? 'an array' : String(value)} as the record "${namespace}". Send an object.`,
        )
      return Buffer.from(text === '{}' ? `{${mark}` : `${text.slice(0, -1)},${mark}`)
    },
    decode(bytes) {
      const value = json.decode(bytes)
      const found = isBlessed(value) ? value.__faust.ns : namespace
      if (found === namespace) return stripped(value)
      throw new ValidationError(`expected "${namespace}" at "__faust.ns", got "${found}"`)
    },
  }
}

function isBlessed(value: unknown): value is { __faust: { ns: string } } {
  if (typeof value !== 'object' || value === null || !('__faust' in value)) return false
  const mark = value.__faust
  return typeof mark === 'object' && mark !== null && 'ns' in mark && typeof mark.ns === 'string'
}

/** In place: the value has just been parsed and nobody else has it. */
function stripped(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isBlessed(value)) Reflect.deleteProperty(value, '__faust')
  for (const part of Object.values(value)) stripped(part)
  return value
}
