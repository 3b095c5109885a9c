import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { int32, openSession, text } from '../../scripts/kafka/requests.js'
import { startCluster } from './cluster.js'
import { javaTool } from './java-tools.js'
import { certificateOf, unsecuredToken, type Mechanism } from './security.js'

let cluster: Cluster

beforeAll(async () => {
  const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
  const listeners = {
    ENCRYPTED: { tls: true },
    OPEN_LOGIN: { mechanisms, sessionMs: 5_000 },
    SAFE_LOGIN: { tls: true, mechanisms },
  }
  cluster = await startCluster({ listeners, users: { faust: 'secret', greta: 'heart' } })
})

afterAll(() => cluster.close())

interface Login {
  readonly error: number
  /** -1 when the login was refused. */
  readonly lifetimeMs: number
}

/** SaslHandshake and SaslAuthenticate by hand. */
async function logIn(
  address: string,
  { mechanism, response, ca }: { mechanism: Mechanism; response: string; ca?: string },
): Promise<Login> {
  const session = await openSession(address, ca)
  try {
    expect((await session.ask({ key: 17, version: 1 }, text(mechanism))).int16()).toBe(0)
    const answer = await session.ask(
      { key: 36, version: 1 },
      Buffer.concat([int32(Buffer.byteLength(response)), Buffer.from(response)]),
    )
    const error = answer.int16()
    answer.text()
    answer.list(() => answer.int8())
    answer.int32()
    return { error, lifetimeMs: error === 0 ? answer.int32() : -1 }
  } finally {
    session.close()
  }
}

/** What the Java client prints when it logs in. */
async function javaLogIn(listener: string, mechanism: Mechanism, password: string): Promise<string> {
  const isTls = listener === 'SAFE_LOGIN'
  const file = join(cluster.folder, `${listener}-${mechanism}-${password}.properties`)
  const module = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  const lines = [
    `security.protocol=${isTls ? 'SASL_SSL' : 'SASL_PLAINTEXT'}`,
    `sasl.mechanism=${mechanism}`,
    `sasl.jaas.config=${module} required username="greta" password="${password}";`,
    ...(isTls ? ['ssl.truststore.type=PEM', `ssl.truststore.location=${join(cluster.folder, 'broker.pem')}`] : []),
  ]
  writeFileSync(file, lines.join('\n'))
  const words = ['--bootstrap-server', cluster.bootstrap(listener), '--command-config', file]
  return await javaTool('BrokerApiVersionsCommand', words)
}

test('TLS shows a certificate for localhost and 127.0.0.1, which nobody trusts without being told', async () => {
  const [, port] = cluster.address(1, 'ENCRYPTED').split(':')
  for (const host of ['localhost', '127.0.0.1']) {
    const session = await openSession(`${host}:${port}`, certificateOf(cluster))
    expect((await session.ask({ key: 18, version: 0 }, Buffer.alloc(0))).int16()).toBe(0)
    session.close()
  }
  await expect(openSession(`localhost:${port}`, '')).rejects.toThrow(/self-signed certificate/)
})

test('PLAIN lets in who knows the password, over TLS too, and says how long', async () => {
  const plain = (user: string, password: string): { mechanism: Mechanism; response: string } => ({
    mechanism: 'PLAIN',
    response: `\0${user}\0${password}`,
  })
  const [open, safe] = [cluster.address(1, 'OPEN_LOGIN'), cluster.address(1, 'SAFE_LOGIN')]
  expect(await logIn(open, plain('faust', 'secret'))).toEqual({ error: 0, lifetimeMs: 5_000 })
  expect(await logIn(safe, { ...plain('greta', 'heart'), ca: certificateOf(cluster) })).toEqual({ error: 0, lifetimeMs: 0 })
  expect(await logIn(open, plain('greta', 'secret'))).toEqual({ error: 58, lifetimeMs: -1 })
})

test('OAUTHBEARER lets in a token that has not expired', async () => {
  const bearer = (expiresAt: number): { mechanism: Mechanism; response: string } => ({
    mechanism: 'OAUTHBEARER',
    response: `n,,\x01auth=Bearer ${unsecuredToken('faust', expiresAt)}\x01\x01`,
  })
  const address = cluster.address(1, 'OPEN_LOGIN')
  const granted = await logIn(address, bearer(Date.now() + 60_000))
  expect(granted.error).toBe(0)
  expect(granted.lifetimeMs).toBeGreaterThan(0)
  // A refusal comes as a message that the client has to acknowledge: no error yet, and no session.
  expect(await logIn(address, bearer(Date.now() - 60_000))).toEqual({ error: 0, lifetimeMs: 0 })
})

test('SCRAM lets in who knows the password, over TLS too', async () => {
  const [open, safe, refused] = await Promise.allSettled([
    javaLogIn('OPEN_LOGIN', 'SCRAM-SHA-256', 'heart'),
    javaLogIn('SAFE_LOGIN', 'SCRAM-SHA-512', 'heart'),
    javaLogIn('OPEN_LOGIN', 'SCRAM-SHA-512', 'wrong'),
  ])
  expect(open).toMatchObject({ status: 'fulfilled', value: expect.stringContaining('ApiVersions') as string })
  expect(safe).toMatchObject({ status: 'fulfilled', value: expect.stringContaining('ApiVersions') as string })
  expect(refused).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(/[Aa]uthentication/) as string } })
})
