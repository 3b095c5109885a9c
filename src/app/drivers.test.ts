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

test.for(['kafka://localhost:9092', 'kafka+ssl://one:9093,two:9093'])('%s is a cluster', url => {
  expect(brokerFor(url)).toMatchObject({ kind: 'kafka', place: url })
})

test.for(['kafka://user:hunter2@host:9092', 'kafka://user:p@hunter2@host:9092', 'kafka://user:p\nhunter2@host:9092'])(
  'of %j the login is not shown',
  url => {
    expect(JSON.stringify(brokerFor(url))).toBe('{"kind":"kafka","place":"kafka://host:9092"}')
  },
)

test.for(['kafka:', 'kafka://', 'kafka://host:0', 'kafka+ssl://host:9092?nonsense=1', 'kafka://host?ca=file'])(
  '%s is refused',
  url => {
    expect(refusal(url)).toMatchObject({ option: 'broker', message: expect.stringContaining('URL cannot be used') })
  },
)

test.for(['rabbit://localhost', 'localhost:9092', 'kafka', '', 'MEMORY:', ':memory:'])('%j names no broker', url => {
  expect(refusal(url).message).toMatch(
    /names no broker; expected "embedded:<directory>", "memory:", "kafka:\/\/<host>:<port>" or a transport value/,
  )
})

describe('a password is never shown', () => {
  test.for([
    'kafka://user:p/hunter2@host:9092',
    'kafka://user:p%hunter2@host:9092',
    'kafka:user:hunter2@host:9092',
    'kafka://host:9092?sasl.password=hunter2',
    'kafka+ssl://host:9092?sasl=hunter2',
  ])('%j', url => {
    expect(refusal(url).message).not.toContain('hunter2')
  })

  test.for(['rabbit://user:hunter2@host', 'user:hunter2@host:9092', 'embedded://user:hunter2@dir', 'embedded:dir?hunter2'])(
    '%j',
    url => {
      const { message } = refusal(url)
      expect(message).not.toContain('hunter2')
      expect(message).toMatch(/\*\*\*/)
    },
  )
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
