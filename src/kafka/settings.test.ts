import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { kafka } from './kafka.js'
import { kafkaAt } from './kafka-at.js'
import { readEndpoint, readSettings, type KafkaOptions } from './settings.js'

const canary = 'canary-secret'

/** What every option in turn gets wrong: the message, which repeats nothing that was given. */
function refusal(options: unknown): string {
  try {
    readSettings(options as KafkaOptions)
  } catch (error) {
    expect(error).toBeInstanceOf(OptionError)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(canary)
    return (error as OptionError).message
  }
  return expect.fail('it was accepted')
}

test('addresses, with and without a port', () => {
  expect(readEndpoint('localhost')).toEqual({ host: 'localhost', port: 9092 })
  expect(readEndpoint('kafka-1.example.com:9093')).toEqual({ host: 'kafka-1.example.com', port: 9093 })
  expect(readEndpoint('[::1]:9093')).toEqual({ host: '::1', port: 9093 })
  for (const text of ['', ':9092', 'a:b', 'a:0', 'a:65536', 'kafka://a', 'u@a:1', '::1', 'a b', 'a:1/'])
    expect(readEndpoint(text)).toBeNull()
})

test('what is left out is plain, and the place shows no more than addresses', () => {
  const plain = readSettings({ brokers: ['one', '[::1]:9093'] })
  expect(plain).toEqual({
    endpoints: [
      { host: 'one', port: 9092 },
      { host: '::1', port: 9093 },
    ],
    security: { tls: null, sasl: null },
    clientId: null,
    place: 'kafka://one:9092,[::1]:9093',
  })
  const sasl = { mechanism: 'PLAIN', username: 'user', password: canary } as const
  const secured = readSettings({ brokers: ['one'], tls: true, sasl, clientId: 'me' })
  expect(secured).toMatchObject({ security: { tls: {}, sasl }, clientId: 'me', place: 'kafka+ssl://one:9092' })
})

test('bad options are refused by name, with what would do', () => {
  const brokers = ['localhost:9092']
  const sasl = { mechanism: 'PLAIN', username: 'user', password: canary }
  expect(refusal(canary)).toBe('options must be an object; got string.')
  expect(refusal({})).toBe('brokers must be a list of addresses, such as ["localhost:9092"]; got undefined.')
  expect(refusal({ brokers: [] })).toContain('got a list')
  expect(refusal({ brokers: [`kafka://user:${canary}@host`] })).toBe('brokers[0] must be an address such as "localhost:9092".')
  expect(refusal({ brokers, ssl: true })).toBe('ssl is not an option of kafka(); there are brokers, sasl, tls, clientId.')
  expect(refusal({ brokers, clientId: '' })).toBe('clientId must be a name; got an empty string.')
  expect(refusal({ brokers, tls: canary })).toBe('tls must be an object; got string.')
  expect(refusal({ brokers, tls: { ca: 7 } })).toBe('tls.ca must be PEM, as text or bytes; got number.')
  expect(refusal({ brokers, tls: { cert: canary } })).toBe('tls.cert and tls.key go together: give both, or neither.')
  expect(refusal({ brokers, tls: { rejectUnauthorized: false } })).toContain('rejectUnauthorized is not an option of tls')
  expect(refusal({ brokers, sasl: { ...sasl, mechanism: canary } })).toBe(
    'sasl.mechanism must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER.',
  )
  expect(refusal({ brokers, sasl: { ...sasl, password: '' } })).toBe(
    'sasl.password must be a string for PLAIN; got an empty string.',
  )
  expect(refusal({ brokers, sasl: { mechanism: 'OAUTHBEARER' } })).toContain('sasl.token must be a token, or a function')
})

test('URLs: addresses, login, parameters', () => {
  const { place, ...more } = kafkaAt(`kafka+ssl://us%40er:p%2Fw:${canary}@one,[::1]:9093/?sasl=scram-sha-512`, {})
  expect(place).toBe('kafka+ssl://one:9092,[::1]:9093')
  expect(inspect(more, { depth: 9, showHidden: true })).not.toContain(canary)
})

test('whoever prints a transport sees no secret', () => {
  const sasl = { mechanism: 'PLAIN', username: 'user', password: canary } as const
  const transport = kafka({ brokers: ['one'], sasl, tls: { passphrase: canary } })
  expect(inspect(transport, { depth: 9, showHidden: true }) + JSON.stringify(transport)).not.toContain(canary)
})
