import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { embedded } from './embedded.js'

test('its place is the full path, whatever the working directory becomes', () => {
  expect(embedded('./.faust')).toMatchObject({ kind: 'embedded', place: `embedded:${resolve('.faust')}` })
  expect(embedded('/var/lib/orders/', { fsync: true }).place).toBe('embedded:/var/lib/orders')
})

describe('what cannot be meant is refused at once:', () => {
  const given = embedded as (directory: unknown, options?: unknown) => unknown
  test.for([
    [[''], 'directory', 'directory must be a path such as "./.faust", got an empty string.'],
    [[{ directory: 'x' }], 'directory', 'directory must be a path such as "./.faust", got object.'],
    [['x', { fsync: 'yes' }], 'fsync', 'fsync must be true or false, got string.'],
    [['x', { sync: true }], 'sync', 'sync is not an option of embedded(); there is fsync.'],
    [['x', null], 'options', 'The options of embedded() must be an object, got null.'],
    [['x', true], 'options', 'The options of embedded() must be an object, got true.'],
  ] as const)('%j', ([[directory, ...options], option, message]) => {
    expect(() => given(directory, ...options)).toThrow(expect.objectContaining({ option, message }))
    expect(() => given(directory, ...options)).toThrow(OptionError)
  })
})
