import { OptionError, ValidationError } from '../errors.js'
import { validator, type Output, type Schema } from '../message/schema.js'

/** How a word of the command line becomes a value. */
export interface Argument<Value> {
  /** Throws `OptionError` for text that does not fit. */
  readonly parse: (text: string) => Value
  readonly help?: string
}

/** A schema is no argument yet, though some have a `parse` too. */
export interface NoSchema {
  readonly '~standard'?: 'a schema: write argument(schema) or option(schema)'
}

/** Tells the three kinds apart, for whoever builds a command line from them. */
export type ArgumentKind = 'argument' | 'option' | 'flag'

const kinds = new WeakMap<object, ArgumentKind>()

/** A word that must be given, read by a schema: for numbers `z.coerce.number()`. */
export function argument<S extends Schema>(schema: S, help?: string): Argument<Output<S>> {
  return made('argument', schema, help)
}

/** `--name value`, read by a schema; a schema that takes `undefined` makes it optional. */
export function option<S extends Schema>(schema: S, help?: string): Argument<Output<S>> {
  return made('option', schema, help)
}

/** `--name` or `--no-name`; false when neither is given. */
export function flag(help?: string): Argument<boolean> {
  const made: Argument<boolean> = { parse: text => text === 'true', ...(help === undefined ? {} : { help }) }
  kinds.set(made, 'flag')
  return made
}

/** Refuses what stands in the wrong place; throws `OptionError`. */
export function checkArguments(command: string, given: { arguments?: Named; options?: Named }): void {
  for (const place of ['arguments', 'options'] as const) {
    for (const [name, made] of Object.entries(given[place] ?? {})) {
      const problem = problemOf(made, place)
      if (problem !== null) throw new OptionError(`Command "${command}": ${place}.${name} ${problem}.`, { option: name })
    }
  }
}

type Named = Readonly<Record<string, unknown>>

function problemOf(made: unknown, place: 'arguments' | 'options'): string | null {
  const maker = place === 'arguments' ? 'argument(schema)' : 'option(schema) or flag()'
  const { parse, '~standard': standard } = (made ?? {}) as { parse?: unknown; '~standard'?: unknown }
  if (standard !== undefined) return `is a schema: write ${maker}`
  if (typeof parse !== 'function') return `must be made by ${maker}`
  const kind = kinds.get(made as object)
  if (kind === undefined || (kind === 'argument') === (place === 'arguments')) return null
  return `is made by ${kind}(): ${maker} belongs there`
}

/** What one of the three functions made. */
export function kindOf(made: Argument<unknown>): ArgumentKind {
  return kinds.get(made) ?? 'argument'
}

function made<S extends Schema>(kind: ArgumentKind, schema: S, help: string | undefined): Argument<Output<S>> {
  const validate = validator(schema)
  const parse = (text: string): Output<S> => (validate === null ? text : read(validate, text)) as Output<S>
  const result = { parse, ...(help === undefined ? {} : { help }) }
  kinds.set(result, kind)
  return result
}

function read(validate: (value: unknown) => unknown, text: string): unknown {
  try {
    const value = validate(text)
    if (!(value instanceof Promise)) return value
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    throw new OptionError(error.message, { option: 'argument', cause: error })
  }
  throw new OptionError('the schema of an argument must validate synchronously', { option: 'argument' })
}
