import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { OptionError } from '../errors.js'
import { settingsFromUrl } from './kafka-url.js'

const canary = 'canary-secret'
const folder = mkdtempSync(join(tmpdir(), 'kafka-url-'))
afterAll(() => rmSync(folder, { recursive: true }))

function refusal(url: string, environment: Record<string, string> = {}): string {
  try {
    settingsFromUrl(url, environment)
  } catch (error) {
    expect(error).toMatchObject({ constructor: OptionError, option: 'broker' })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(canary)
    return (error as OptionError).message.replace("The broker's URL cannot be used: ", '')
  }
  return expect.fail('it was accepted')
}

const saslOf = (url: string, environment: Record<string, string> = {}): unknown => settingsFromUrl(url, environment).security.sasl

test('addresses and nothing else', () => {
  expect(settingsFromUrl('kafka://localhost', {})).toEqual({
    endpoints: [{ host: 'localhost', port: 9092 }],
    security: { tls: null, sasl: null },
    clientId: null,
    place: 'kafka://localhost:9092',
  })
  expect(settingsFromUrl('kafka+ssl://a:1,[::1]:2/?client-id=me', {})).toMatchObject({
    security: { tls: {}, sasl: null },
    clientId: 'me',
    place: 'kafka+ssl://a:1,[::1]:2',
  })
})

test('user and password, with what a URL cannot hold as it is', () => {
  expect(saslOf('kafka://user:secret@a')).toEqual({ mechanism: 'PLAIN', username: 'user', password: 'secret' })
  expect(saslOf('kafka://us%40er:p%3Aw%2F:x@a?sasl=scram-sha-256')).toEqual({
    mechanism: 'SCRAM-SHA-256',
    username: 'us@er',
    password: 'p:w/:x',
  })
  expect(saslOf('kafka://user:a@b@host:9092')).toMatchObject({ password: 'a@b' })
})

test('what the URL leaves open comes from the environment, and what it says wins', () => {
  const environment = {
    FAUST_KAFKA_USERNAME: 'user',
    FAUST_KAFKA_PASSWORD: 'secret',
    FAUST_KAFKA_SASL: 'SCRAM-SHA-512',
    FAUST_KAFKA_CLIENT_ID: 'me',
  }
  expect(saslOf('kafka://a', environment)).toEqual({ mechanism: 'SCRAM-SHA-512', username: 'user', password: 'secret' })
  expect(saslOf('kafka://other@a?sasl=plain', environment)).toEqual({ mechanism: 'PLAIN', username: 'other', password: 'secret' })
  expect(settingsFromUrl('kafka://a?client-id=you', environment).clientId).toBe('you')
  expect(saslOf('kafka://a', { FAUST_KAFKA_TOKEN: 't' })).toEqual({ mechanism: 'OAUTHBEARER', token: 't' })
  expect(saslOf('kafka://a', { FAUST_KAFKA_TOKEN: '', FAUST_KAFKA_PASSWORD: '' })).toBeNull()
})

test('certificates are read from files; without TLS nobody looks for them', () => {
  const [ca, cert, key] = ['ca', 'cert', 'key'].map(name => {
    const path = join(folder, `${name}.pem`)
    writeFileSync(path, name)
    return path
  }) as [string, string, string]
  const environment = { FAUST_KAFKA_CA_FILE: ca, FAUST_KAFKA_KEY_PASSPHRASE: 'open', FAUST_KAFKA_SERVER_NAME: 'kafka' }
  expect(settingsFromUrl(`kafka+ssl://a?cert=${cert}&key=${key}`, environment).security.tls).toEqual({
    ca: 'ca',
    cert: 'cert',
    key: 'key',
    passphrase: 'open',
    serverName: 'kafka',
  })
  expect(settingsFromUrl('kafka://a', { FAUST_KAFKA_CA_FILE: '/nowhere' }).security.tls).toBeNull()
  expect(refusal('kafka+ssl://a', { FAUST_KAFKA_CA_FILE: '/nowhere' })).toMatch(
    /^the file of ca \(or FAUST_KAFKA_CA_FILE\) cannot be read: ENOENT/,
  )
  expect(refusal(`kafka+ssl://a?cert=${cert}`)).toBe('cert and key go together: give both, or neither.')
  expect(refusal(`kafka://a?ca=${ca}`)).toBe('"ca" needs TLS: write kafka+ssl://.')
})

test('what cannot be used is refused with what would do, and nothing secret is repeated', () => {
  expect(refusal(`kafka://user:${canary}/x@a`)).toContain('expected "kafka://host:port,host:port"')
  expect(refusal(`kafka://user:${canary}%@a`)).toContain('a % that encodes nothing')
  expect(refusal(`kafka:${canary}@a`)).toContain('expected')
  expect(refusal(`kafka://user:${canary}@`)).toContain('expected')
  expect(refusal(`kafka://user:${canary}@a:b`)).toContain('each of its addresses must be')
  expect(refusal(`kafka://user:${canary}@a?acks=0`)).toBe(
    'it says "acks", but there are only sasl, ca, cert, key, server-name, client-id.',
  )
  expect(refusal(`kafka://user:${canary}@a?sasl=gssapi`)).toContain(
    'sasl must be one of plain, scram-sha-256, scram-sha-512, oauthbearer',
  )
  expect(refusal(`kafka://user:${canary}@a?sasl=oauthbearer`)).toContain('oauthbearer needs a token: set FAUST_KAFKA_TOKEN')
  expect(refusal('kafka://a?sasl=')).toBe('"sasl" is empty.')
  expect(refusal('kafka://user@a')).toContain('PLAIN needs a password: kafka://user:password@…, or FAUST_KAFKA_PASSWORD')
  expect(refusal('kafka://a', { FAUST_KAFKA_PASSWORD: canary })).toContain('PLAIN needs a user name')
})
