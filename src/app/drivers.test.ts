import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { brokerFor } from './drivers.js'

test('memory: is a broker of this process; those of one name are one', () => {
  expect(brokerFor('memory:')).toMatchObject({ kind: 'memory', place: 'memory:' })
  expect(brokerFor('memory:mine').place).toBe('memory:mine')
})

test('embedded: is a directory of this machine', () => {
  expect(brokerFor('embedded:/var/lib/orders')).toMatchObject({ kind: 'embedded', place: 'embedded:/var/lib/orders' })
  expect(brokerFor('embedded:./.faust').place).toBe(`embedded:${resolve('.faust')}`)
  expect(brokerFor('embedded:.faust?fsync=true').place).toBe(`embedded:${resolve('.faust')}`)
  expect(brokerFor('embedded:.faust?fsync=false').place).toBe(`embedded:${resolve('.faust')}`)
})

test.for([
  'embedded:',
  'embedded:?fsync=true',
  'embedded://host/dir',
  'embedded:dir?fsync=yes',
  'embedded:dir?sync=true',
  'embedded:dir?fsync=true&more',
])('%s is refused with what is expected', url => {
  expect(refusal(url)).toMatchObject({
    option: 'broker',
    message: expect.stringContaining('expected "embedded:<directory>", optionally'),
  })
})

test.for(['kafka://localhost:9092', 'kafka+ssl://localhost:9092'])('%s is refused: this version has no driver for it', url => {
  const scheme = url.slice(0, url.indexOf(':') + 1)
  expect(refusal(url)).toMatchObject({
    option: 'broker',
    message: expect.stringContaining(`this version has no ${scheme} driver`),
  })
})

test.for(['rabbit://localhost', 'localhost:9092', 'kafka', '', 'MEMORY:', ':memory:'])('%j names no broker', url => {
  expect(refusal(url).message).toMatch(/names no broker; expected "embedded:<directory>", "memory:" or a transport value/)
})

describe('a password is never shown', () => {
  test.for([
    'kafka://user:hunter2@host:9092',
    'kafka+ssl://user:hunter2@one:9092,two:9092',
    'kafka://user:hunter2@one:9092,user:hunter2@two:9092',
    'kafka://user:p/hunter2@host:9092',
    'kafka://user:p@hunter2@host:9092',
    'kafka://user:p\nhunter2@host:9092',
    'kafka:user:hunter2@host:9092',
    'kafka://host:9092?sasl.password=hunter2',
    'rabbit://user:hunter2@host',
    'user:hunter2@host:9092',
    'embedded://user:hunter2@dir',
    'embedded:dir?hunter2',
  ])('%j', url => {
    const { message } = refusal(url)
    expect(message).not.toContain('hunter2')
    expect(message).toMatch(/\*\*\*/)
  })
})

function refusal(url: string): OptionError {
  try {
    brokerFor(url)
  } catch (error) {
    expect(error).toBeInstanceOf(OptionError)
    return error as OptionError
  }
  throw new Error('it was not refused')
}
