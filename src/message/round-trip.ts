import { EncodeError, ValidationError } from '../errors.js'
import { asBuffer, type Codec, encodeWith } from './codec.js'
import { drift } from './drift.js'
import { type Schema, validator } from './schema.js'

interface RoundTrip {
  readonly codec: Codec
  readonly schema: Schema | undefined
  readonly topic: string
}

/**
 * Throws (or rejects with) EncodeError when a value, written and read back through its schema, is not what was sent.
 * What the schema refuses is left to whoever reads it, and without a schema it is enough that the value can be written.
 */
export function checkRoundTrip(value: unknown, options: RoundTrip): void | Promise<void> {
  if (value === null) return
  const readBack = written(value, options)
  if (options.schema === undefined) return
  const validate = validator(options.schema)
  try {
    const output = validate === null ? readBack : validate(readBack)
    if (!(output instanceof Promise)) return compare(value, output, options)
    return output.then(late => compare(value, late, options), ignoreRefusal)
  } catch (error) {
    ignoreRefusal(error)
  }
}

function written(value: unknown, { codec, topic }: RoundTrip): unknown {
  try {
    const encoded = encodeWith(codec, value)
    return codec.decode(typeof encoded === 'string' ? Buffer.from(encoded) : asBuffer(encoded))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new EncodeError(`Cannot carry the value to "${topic}": ${why}`, { topic, cause: error })
  }
}

function compare(sent: unknown, output: unknown, { topic }: RoundTrip): void {
  const found = drift(sent, output)
  if (found === null) return
  throw new EncodeError(
    `The value for "${topic}" does not survive the round trip: ${found}. ` +
      'Make the schema turn its own output, as the codec writes it, into the same output, or give the topic a codec that can hold it.',
    { topic },
  )
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ValidationError)) throw error
}
