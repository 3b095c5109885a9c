import type { StandardSchemaV1 } from '@standard-schema/spec'
import { OptionError, ValidationError } from '../errors.js'

/** Any Standard Schema value: zod, valibot, arktype or your own. */
// oxlint-disable-next-line typescript/no-explicit-any -- the one variance alias: a schema of whatever input and output
export type Schema = StandardSchemaV1<any, any>
/** What a schema takes. */
export type Input<S extends Schema> = StandardSchemaV1.InferInput<S>
/** What a schema makes of it: the type of a value. */
export type Output<S extends Schema> = StandardSchemaV1.InferOutput<S>

type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [name: string]: Json }

/** What JSON leaves of a type. */
export type JsonImage<T> = unknown extends T
  ? T
  : [T] extends [Json] // also ends the recursion of z.json()
    ? T
    : T extends { toJSON(): infer Image }
      ? Image
      : T extends string | number | boolean | null | undefined
        ? T
        : T extends bigint | symbol | ((...args: never[]) => unknown)
          ? { 'not JSON': T }
          : T extends object
            ? { [Key in keyof T]: JsonImage<T[Key]> }
            : never

/** Compiles only when a schema accepts its own output, written as JSON. */
export type RoundTrips<S extends Schema> =
  JsonImage<Output<S>> extends Input<S>
    ? unknown
    : { 'schema does not round-trip': 'its output, written as JSON, is not a valid input: pass a codec' }

/** Gives a type to values without looking at them. */
export function unchecked<T>(): StandardSchemaV1<T, T> {
  return anything
}

/** The schema's output, or a promise of it where the schema is asynchronous; throws (or rejects with) ValidationError. */
export type Validator = (value: unknown) => unknown

/** A validator for each event of a topic, or null where there is nothing to do; throws OptionError for what is not a Standard Schema. */
export function validator(schema: Schema | undefined): Validator | null {
  const check = checkOf(schema)
  return (
    check &&
    (value => {
      const result = check(value)
      return result instanceof Promise ? result.then(outputOf) : outputOf(result)
    })
  )
}

type Result = StandardSchemaV1.Result<unknown>

/** A schema's own verdict, for those who try more than one form; null where it accepts everything as it is. */
export function checkOf(schema: Schema | undefined): ((value: unknown) => Result | Promise<Result>) | null {
  if (schema === undefined || schema === anything) return null
  const standard = schema['~standard'] as Schema['~standard'] | undefined
  if (typeof standard?.validate === 'function') return value => standard.validate(value)
  throw new OptionError('Cannot use the schema: expected a Standard Schema, as zod, valibot and arktype make them.', {
    option: 'schema',
  })
}

/** The error for what a schema objected to. */
export function validationError(issues: readonly StandardSchemaV1.Issue[]): ValidationError {
  const lines = issues.map(inWords)
  return new ValidationError(lines.join('; '), { issues: lines })
}

const anything: Schema = { '~standard': { version: 1, vendor: 'faust-ts', validate: value => ({ value }) } }

function outputOf(result: Result): unknown {
  if (result.issues) throw validationError(result.issues)
  return result.value
}

/** One grammar for all libraries: `expected number at "total", got string`. */
function inWords({ message, path = [] }: StandardSchemaV1.Issue): string {
  const place = pathText(path)
  if (place !== '' && message.startsWith(place)) return message
  const at = place === '' ? '' : ` at "${place}"`
  const [, expected, received] = /^(?:Invalid \w+: )?expected (.+?)(?:(?:,| but) received (.+))?$/i.exec(message) ?? []
  if (expected === undefined) return message + at
  return `expected ${expected}${at}${received === undefined ? '' : `, got ${received}`}`
}

function pathText(path: NonNullable<StandardSchemaV1.Issue['path']>): string {
  return path.reduce<string>((text, segment) => {
    const key = typeof segment === 'object' ? segment.key : segment
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}
