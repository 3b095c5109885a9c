import { EncodeError } from '../errors.js'

/** A value as JSON; throws EncodeError, which says what to do, for what JSON cannot hold. */
export function jsonText(value: unknown, replacer?: (name: string, value: unknown) => unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value, replacer)
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    const remedy = 'Send what JSON can hold (a bigint as a string), or give the topic a codec such as msgpack.'
    throw new EncodeError(`Cannot write the value as JSON: ${why}. ${remedy}`, { cause: error })
  }
  if (text !== undefined) return text
  throw new EncodeError(
    `Cannot write ${value === undefined ? 'undefined' : `a ${typeof value}`} as JSON. Send null to delete, or a value that JSON can hold.`,
  )
}
