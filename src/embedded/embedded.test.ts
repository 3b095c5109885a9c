import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OptionError, TransportError } from '../errors.js'
import { systemClock } from '../lib/clock.js'
import { silentLogger } from '../lib/log.js'
import { systemRandom } from '../lib/random.js'
import { embedded } from './embedded.js'

const context = { clientId: 'test', clock: systemClock, random: systemRandom, log: silentLogger }

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

describe('a directory', () => {
  let directory: string
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'faust-test-'))))
  afterEach(() => rmSync(directory, { recursive: true }))

  test.for([false, true])('keeps what it is given when the last connection is closed, fsync %j', async fsync => {
    const first = await embedded(directory, { fsync }).connect(context)
    const second = await embedded(`${directory}/../${basename(directory)}`).connect(context)
    await first.admin.createTopics([{ name: 'orders', partitions: 3 }])
    expect(await second.admin.topics()).toMatchObject([{ name: 'orders', partitions: 3 }])
    await Promise.all([first.close(), second.close(), second.close()])
    expect(readdirSync(directory).toSorted()).toEqual(['format', 'logs', 'metadata'])

    const later = await embedded(directory, { fsync }).connect(context)
    expect(await later.admin.topics()).toMatchObject([{ name: 'orders', partitions: 3 }])
    await later.close()
  })

  test('that cannot be used refuses to connect, and is left alone', async () => {
    writeFileSync(join(directory, 'format'), '{"format":7}')
    await expect(embedded(directory).connect(context)).rejects.toThrow(/in format 7.* Upgrade faust-ts/)
    expect(readdirSync(directory)).toEqual(['format'])
  })

  test('whose files are damaged says so at once', async () => {
    mkdirSync(join(directory, 'metadata'))
    writeFileSync(join(directory, 'metadata', 'CURRENT'), 'nonsense')
    const refused = embedded(directory).connect(context)
    await expect(refused).rejects.toThrow(/damaged .* Restore the directory from a backup/)
    await expect(refused).rejects.toBeInstanceOf(TransportError)
    expect(readdirSync(directory)).not.toContain('broker.sock')
  })
})
