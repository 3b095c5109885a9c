import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster as TestCluster } from '../../scripts/kafka/cluster.js'
import { TransportError } from '../../src/errors.js'
import { kafkaAt } from '../../src/kafka/kafka-at.js'
import type { Sasl } from '../../src/kafka/security.js'
import type { KafkaOptions } from '../../src/kafka/settings.js'
import { metadata } from '../../src/kafka/wire/cluster-apis.js'
import type { Logger } from '../../src/lib/log.js'
import { startCluster } from './cluster.js'
import { contextFor, openCluster } from './driver.js'
import { certificateOf, unsecuredToken } from './security.js'

const clientPem = (name: string): string => fileURLToPath(new URL(`fixtures/client.${name}`, import.meta.url))
const password = 'canary-heart'
const wrong = 'canary-wrong'
const passphrase = 'opener'
const passwordMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

let kafka: TestCluster
beforeAll(async () => {
  const mechanisms = [...passwordMechanisms, 'OAUTHBEARER'] as const
  const listeners = {
    ENCRYPTED: { tls: true },
    MUTUAL: { tls: true },
    LOGIN: { mechanisms },
    BRIEF: { mechanisms, sessionMs: 1_000 },
    SAFE: { tls: true, mechanisms },
  }
  const config = {
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.mutual.ssl.truststore.type': 'PEM',
    'listener.name.mutual.ssl.truststore.location': clientPem('crt'),
  }
  kafka = await startCluster({ listeners, users: { greta: password }, config })
})
afterAll(() => kafka.close())

/** Everything that was logged, as it could be printed. */
function collecting(): { log: Logger; text: () => string } {
  const lines: string[] = []
  const write = (facts: object, message: string): void =>
    void lines.push(inspect({ message, facts }, { depth: 9, showHidden: true }))
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log }
  return { log, text: () => lines.join('\n') }
}

/** Logs in and asks for something; gives back why not. No secret may be in it, nor in the log. */
async function attempt(listener: string, options: Partial<KafkaOptions>): Promise<TransportError | null> {
  const { log, text } = collecting()
  try {
    const cluster = await openCluster(kafka.bootstrap(listener), { ...options, log })
    const { brokers } = await cluster.atAny(metadata, { topics: [] }, { what: 'Cannot ask' })
    expect(brokers).toHaveLength(1)
    return null
  } catch (error) {
    expect(error).toBeInstanceOf(TransportError)
    const all = inspect(error, { depth: 9, showHidden: true }) + text()
    for (const secret of [password, wrong, passphrase, 'canary']) expect(all).not.toContain(secret)
    return error as TransportError
  }
}

const login = (mechanism: (typeof passwordMechanisms)[number], secret = password): Sasl => ({
  mechanism,
  username: 'greta',
  password: secret,
})
const trusting = (): { ca: string } => ({ ca: certificateOf(kafka) })

test('TLS: whom we are told to trust, and nobody else', async () => {
  expect(await attempt('ENCRYPTED', { tls: trusting() })).toBeNull()
  const untrusted = await attempt('ENCRYPTED', { tls: true })
  expect(untrusted).toMatchObject({
    retriable: false,
    message: expect.stringContaining('its certificate is not trusted') as string,
  })
  const misnamed = await attempt('ENCRYPTED', { tls: { ...trusting(), serverName: 'elsewhere' } })
  expect(misnamed).toMatchObject({
    retriable: false,
    message: expect.stringContaining('its certificate is for another name') as string,
  })
})

test('TLS where there is none, none where there is TLS, none of the client where it is wanted: each says so', async () => {
  const plainPort = await attempt('PLAINTEXT', { tls: trusting() })
  expect(plainPort?.message).toMatch(/closed the connection|does not speak TLS/)
  const tlsPort = await attempt('ENCRYPTED', {})
  expect(tlsPort).toMatchObject({ retriable: false, message: expect.stringContaining('it speaks TLS there') as string })
  const stranger = await attempt('MUTUAL', { tls: trusting() })
  expect(stranger?.message).toMatch(/wants a certificate of the client/)
  const noLogin = await attempt('LOGIN', {})
  expect(noLogin?.message).toContain('wants a login there')
})

test('a certificate of our own, with an encrypted key', async () => {
  const [cert, key] = [readFileSync(clientPem('crt')), readFileSync(clientPem('key'), 'utf8')]
  expect(await attempt('MUTUAL', { tls: { ...trusting(), cert, key, passphrase } })).toBeNull()
})

for (const mechanism of passwordMechanisms) {
  test(`${mechanism}: the right password lets in, a wrong one fails at once and says so`, async () => {
    expect(await attempt('LOGIN', { sasl: login(mechanism) })).toBeNull()
    expect(await attempt('SAFE', { sasl: login(mechanism), tls: trusting() })).toBeNull()
    const started = performance.now()
    const refused = await attempt('LOGIN', { sasl: login(mechanism, wrong) })
    expect(refused).toMatchObject({ retriable: false })
    expect(refused?.message).toContain(`by ${mechanism}: it refused the user name or the password`)
    expect(performance.now() - started).toBeLessThan(5_000)
  })
}

test('OAUTHBEARER: a token or who gets one; an expired one is refused; a function that fails is tried again', async () => {
  const good = unsecuredToken('canary', Date.now() + 60_000)
  const bad = unsecuredToken('canary', Date.now() - 60_000)
  const by = (token: string | (() => string | Promise<string>)): Partial<KafkaOptions> => ({
    sasl: { mechanism: 'OAUTHBEARER', token },
  })
  let calls = 0
  const fresh = (): Promise<string> => {
    calls++
    return Promise.resolve(good)
  }
  expect(await attempt('LOGIN', by(good))).toBeNull()
  expect(await attempt('SAFE', { ...by(fresh), tls: trusting() })).toBeNull()
  expect(calls).toBeGreaterThan(0)
  const refused = await attempt('LOGIN', by(bad))
  expect(refused).toMatchObject({ retriable: false, message: expect.stringContaining('it refused the token') as string })
  const failing = await attempt(
    'LOGIN',
    by(() => Promise.reject(new TypeError('the issuer is down'))),
  )
  expect(failing).toMatchObject({ retriable: true, cause: { message: 'the issuer is down' } })
  expect(failing?.message).toContain('the token function threw TypeError')
})

test('a mechanism that the broker lacks, and a login where none is wanted', async () => {
  const unwanted = await attempt('PLAINTEXT', { sasl: login('PLAIN') })
  expect(unwanted).toMatchObject({ retriable: false })
  expect(unwanted?.message).toMatch(/it wants no login there|it offers/)
})

test('a session that ends every second is renewed under traffic: no request fails', async () => {
  const cluster = await openCluster(kafka.bootstrap('BRIEF'), { sasl: login('SCRAM-SHA-256') })
  const connection = cluster.connection(1, 'control')
  // It is renewed 50 ms before its end or earlier. What takes longer to reach the broker, on a busy machine, comes too late for it.
  const spareMs = 50
  const endMs = performance.now() + 3_500
  let answers = 0
  const ask = async (): Promise<void> => {
    const sentMs = performance.now()
    try {
      await connection.send(metadata, { topics: [] }, 5_000)
      answers++
    } catch (error) {
      if (performance.now() - sentMs < spareMs) throw error
    }
  }
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (performance.now() < endMs) await ask()
    }),
  )
  expect(answers).toBeGreaterThan(20)
})

test('a URL and the environment do the same; readable credentials on a foreign network are a warning', async () => {
  const environment = {
    FAUST_KAFKA_PASSWORD: password,
    FAUST_KAFKA_SASL: 'scram-sha-512',
    FAUST_KAFKA_CA_FILE: join(kafka.folder, 'broker.pem'),
  }
  const transport = kafkaAt(`kafka+ssl://greta@${kafka.bootstrap('SAFE')}?client-id=by-url`, environment)
  expect(transport.place).toBe(`kafka+ssl://${kafka.bootstrap('SAFE')}`)
  const connection = await transport.connect(contextFor())
  expect(await connection.admin.topics(['nowhere'])).toEqual([])
  await connection.close()
  const { log, text } = collecting()
  await expect(kafkaAt(`kafka://greta:${password}@nowhere.invalid:1`, {}).connect(contextFor(log))).rejects.toThrow(
    'its name cannot be resolved',
  )
  expect(text()).toContain('Credentials travel unencrypted')
  expect(text()).not.toContain(password)
})
