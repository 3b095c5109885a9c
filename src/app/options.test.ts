import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { silentLogger } from '../lib/log.js'
import { json, text } from '../message/codec.js'
import { readOptions, variable, type AppOptions, type Settings } from './options.js'

const nothing = {}

describe('precedence', () => {
  test('without anything said there are defaults', () => {
    expect(readOptions({}, nothing)).toEqual({
      transport: expect.objectContaining({ kind: 'embedded', place: `embedded:${resolve('.faust')}` }),
      codec: json,
      partitions: 8,
      datadir: resolve('.faust'),
      commitIntervalMs: 1000,
      commitEvery: undefined,
      drainTimeoutMs: 20_000,
      sessionTimeoutMs: 10_000,
      instanceId: undefined,
      logger: undefined,
    })
  })

  // Option, what the constructor says, what the environment says, where it ends up and as what.
  test.for<[keyof AppOptions, unknown, string, keyof Settings, unknown, unknown]>([
    ['partitions', 3, '5', 'partitions', 3, 5],
    ['datadir', 'here', 'there', 'datadir', resolve('here'), resolve('there')],
    ['commitInterval', '2s', '250ms', 'commitIntervalMs', 2000, 250],
    ['commitInterval', 700, '900', 'commitIntervalMs', 700, 900],
    ['commitEvery', 10, '20', 'commitEvery', 10, 20],
    ['drainTimeout', '1m', '0', 'drainTimeoutMs', 60_000, 0],
    ['sessionTimeout', '6s', '30s', 'sessionTimeoutMs', 6000, 30_000],
    ['instanceId', 'one', 'two', 'instanceId', 'one', 'two'],
  ])(
    '%s: the constructor wins over the default, the environment over the constructor',
    ([name, given, said, setting, one, two]) => {
      const options = { [name]: given } as AppOptions
      expect(readOptions(options, nothing)[setting]).toEqual(one)
      expect(readOptions(options, { [variable(name)]: said })[setting]).toEqual(two)
      expect(readOptions({}, { [variable(name)]: said })[setting]).toEqual(two)
    },
  )

  test('the broker too, whether the constructor names it or brings it', () => {
    const transport = { kind: 'mine', place: 'mine:', connect: () => Promise.reject(new Error('not now')) }
    expect(readOptions({ broker: 'memory:a' }, nothing).transport.place).toBe('memory:a')
    expect(readOptions({ broker: transport }, nothing).transport).toBe(transport)
    expect(readOptions({ broker: 'memory:a' }, { FAUST_BROKER: 'memory:b' }).transport.place).toBe('memory:b')
    expect(readOptions({ broker: transport }, { FAUST_BROKER: 'memory:b' }).transport.place).toBe('memory:b')
  })

  test('the guarantee too', () => {
    expect(() => readOptions({ guarantee: 'at-least-once' }, { FAUST_GUARANTEE: 'exactly-once' })).toThrow(/FAUST_GUARANTEE/)
    expect(readOptions({}, { FAUST_GUARANTEE: 'at-least-once' }).partitions).toBe(8)
  })

  test('what is no text has no variable: codec and logger come from the constructor alone', () => {
    const settings = readOptions({ codec: text, logger: silentLogger }, { FAUST_CODEC: 'json', FAUST_LOGGER: 'loud' })
    expect([settings.codec, settings.logger]).toEqual([text, silentLogger])
  })

  test('an option that is there but undefined has not been said', () => {
    expect(readOptions({ partitions: undefined } as unknown as AppOptions, nothing).partitions).toBe(8)
  })

  test('the environment’s name of an option is in capitals', () => {
    expect([variable('broker'), variable('commitInterval')]).toEqual(['FAUST_BROKER', 'FAUST_COMMIT_INTERVAL'])
  })
})

describe('refusals', () => {
  test('an unknown option is named, with those that there are', () => {
    const error = refusal({ brokers: 'memory:' })
    expect(error.option).toBe('brokers')
    expect(error.message).toMatch(/^brokers is not an option of an app; there are broker, guarantee, codec, partitions,/)
  })

  test.for([null, 'memory:', 7])('%j are no options', given => {
    expect(refusal(given)).toMatchObject({ option: 'options', message: expect.stringContaining('must be an object') })
  })

  test.for<[keyof AppOptions, unknown, RegExp]>([
    ['partitions', 0, /must be a whole number above 0, got 0/],
    ['partitions', 1.5, /must be a whole number above 0, got 1.5/],
    ['partitions', 'many', /must be a whole number above 0, got "many"/],
    ['partitions', Number.NaN, /must be a whole number above 0/],
    ['commitEvery', -1, /must be a whole number above 0, got -1/],
    ['commitInterval', 0, /must be at least 1 ms, got 0/],
    ['commitInterval', '500', /must be a duration such as '10s'.*, got "500"/],
    ['commitInterval', 'soon', /must be a duration such as '10s'.*, got "soon"/],
    ['sessionTimeout', '0s', /must be at least 1 ms/],
    ['drainTimeout', -5, /must be a duration/],
    ['drainTimeout', null, /must be a duration/],
    ['datadir', '', /must be text, got ""/],
    ['datadir', 7, /must be text, got 7/],
    ['instanceId', true, /must be text, got true/],
    ['codec', 'json', /must be a codec such as json or msgpack, got "json"/],
    ['logger', { info: () => undefined }, /must have the methods debug, info, warn, error, child/],
    ['guarantee', 'exactly-once', /cannot be 'exactly-once' in this version: use 'at-least-once'/],
    ['guarantee', 'at-most-once', /must be 'at-least-once', got "at-most-once"/],
    ['broker', 7, /must be a URL such as "embedded:.\/.faust" or a transport value, got number/],
    ['broker', {}, /must be a URL such as "embedded:.\/.faust" or a transport value, got object/],
  ])('%s: %j is refused in words that say what was expected', ([name, value, words]) => {
    const error = refusal({ [name]: value })
    expect(error.option).toBe(name)
    expect(error.message).toMatch(words)
    expect(error.message).toContain(name)
  })

  test('what the environment says wrong is told by the variable’s name', () => {
    for (const name of ['partitions', 'commitEvery', 'commitInterval', 'sessionTimeout', 'drainTimeout'] as const) {
      const error = refusal({}, { [variable(name)]: 'x' })
      expect(error).toMatchObject({ option: name, message: expect.stringContaining(variable(name)) })
    }
    expect(refusal({}, { FAUST_DATADIR: '' }).message).toMatch(/^FAUST_DATADIR must be text/)
  })
})

function refusal(given: unknown, environment: Record<string, string> = {}): OptionError {
  try {
    readOptions(given as AppOptions, environment)
  } catch (error) {
    expect(error).toBeInstanceOf(OptionError)
    return error as OptionError
  }
  throw new Error('it was not refused')
}
