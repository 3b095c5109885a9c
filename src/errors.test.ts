import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import * as errors from './errors.js'

const { FaustError, ...kinds } = errors
const classes = Object.entries(kinds)
type Facts = ConstructorParameters<typeof errors.DecodeError>[1] &
  ConstructorParameters<typeof errors.ReplyError>[1] &
  ConstructorParameters<typeof errors.DeclarationError>[1] &
  ConstructorParameters<typeof errors.DuplicateNameError>[1] &
  ConstructorParameters<typeof errors.OptionError>[1]

const facts: Facts = {
  topic: 'orders',
  partition: 3,
  offset: 1042,
  part: 'value',
  agent: 'adding',
  correlationId: 'c-1',
  remoteName: 'RangeError',
  index: 2,
  problems: ['no agent', 'no topic'],
  duplicate: 'orders',
  option: 'broker',
  cause: 'the cause',
}

test('every class is a FaustError that carries message, cause, and the name of its class where printing does not repeat it', () => {
  for (const [name, kind] of classes) {
    const error = new kind('what failed', facts)
    expect(error).toBeInstanceOf(FaustError)
    expect(error.message).toContain('what failed')
    expect(error.cause).toBe('the cause')
    expect(error.name).toBe(name)
    expect(error.name).toBe(kind.name)
    expect(Object.keys(error)).not.toContain('name')
    expect(error.stack?.startsWith(`${name}: what failed`)).toBe(true)
  }
})

test('every code derives from the name of its class and is unique', () => {
  const codes = classes.map(([name, kind]) => {
    const words = name.replace(/Error$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_')
    expect(kind.code).toBe(`FAUST_${words.toUpperCase()}`)
    expect(new kind('what failed', facts).code).toBe(kind.code)
    return kind.code
  })
  expect(new Set(codes).size).toBe(classes.length)
})

test('every class is listed with a remedy in the reference, and nothing else is', () => {
  const rows = readFileSync(new URL('../docs/reference/errors.md', import.meta.url), 'utf8').matchAll(
    /^\| `(\w+)` \| `(\w+)` \| ([^|]+) \| ([^|]+) \|$/gm,
  )
  const listed = [...rows].map(([, name, code, meaning, remedy]) => {
    expect(meaning?.length).toBeGreaterThan(10)
    expect(remedy?.length).toBeGreaterThan(10)
    return `${name} ${code}`
  })
  expect(new Set(listed)).toEqual(new Set(classes.map(([name, kind]) => `${name} ${kind.code}`)))
  expect(listed).toHaveLength(classes.length)
})

test('only what may succeed later is retriable, unless the facts say otherwise', () => {
  const retriable = classes.filter(([, kind]) => new kind('what failed', facts).retriable).map(([name]) => name)
  expect(retriable.toSorted()).toEqual(['AskTimeoutError', 'CommitError', 'TransportError'])
  for (const [, kind] of classes) {
    expect(new kind('what failed', { ...facts, retriable: true }).retriable).toBe(true)
    expect(new kind('what failed', { ...facts, retriable: false }).retriable).toBe(false)
  }
  expect(new errors.CommitError('what failed', { retriable: undefined }).retriable).toBe(true)
})

test('facts are properties', () => {
  expect(new errors.DecodeError('x', facts)).toMatchObject({ topic: 'orders', partition: 3, offset: 1042, part: 'value' })
  expect(new errors.EncodeError('x', { topic: 'orders' }).topic).toBe('orders')
  expect(new errors.EncodeError('x').topic).toBeUndefined()
  expect(new errors.ReplyError('x', facts)).toMatchObject({
    agent: 'adding',
    correlationId: 'c-1',
    remoteName: 'RangeError',
    index: 2,
  })
  expect(new errors.SendError('x', facts).topic).toBe('orders')
  expect(new errors.OptionError('x', facts).option).toBe('broker')
  expect(new errors.DuplicateNameError('x', facts).duplicate).toBe('orders')
  expect(new errors.ValidationError('x').issues).toEqual(['x'])
})

test('the index of an asked item can be set afterwards', () => {
  const error = new errors.AskTimeoutError('no answer', { agent: 'adding', correlationId: 'c-1' })
  expect(error.index).toBeUndefined()
  error.index = 4
  expect(error.index).toBe(4)
})

test('the message of a DeclarationError lists all its problems', () => {
  const error = new errors.DeclarationError('Cannot start the app "shop"', { problems: ['no agent', 'no topic'] })
  expect(error.message).toBe('Cannot start the app "shop"\n  - no agent\n  - no topic')
  expect(error.problems).toEqual(['no agent', 'no topic'])
})

test('an error prints its code', () => {
  expect(inspect(new errors.ClosedError('the app is closed'))).toContain("code: 'FAUST_CLOSED'")
})

test('a class derived elsewhere keeps the code of its parent', () => {
  class LeaderMovedError extends errors.TransportError {}
  expect(new LeaderMovedError('moved')).toMatchObject({ code: 'FAUST_TRANSPORT', retriable: true })
})
