import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import type { Distribution } from '../../scripts/kafka/distribution.js'
import type { Keeper } from '../../scripts/kafka/keeper.js'
import { run } from '../../scripts/kafka/run.js'
import type { Properties, Protocol } from '../../scripts/kafka/server-properties.js'

export type Mechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'

/** What a listener asks of its clients. */
export interface Security {
  readonly tls?: boolean
  readonly mechanisms?: readonly Mechanism[]
  /** Clients have to authenticate again after this many milliseconds; never unless set. */
  readonly sessionMs?: number
}

type Listeners = Readonly<Record<string, Security>>

export const protocols = (listeners: Listeners): Record<string, Protocol> =>
  Object.fromEntries(
    Object.entries(listeners).map(([name, { tls, mechanisms }]) => [
      name,
      mechanisms ? (tls ? 'SASL_SSL' : 'SASL_PLAINTEXT') : tls ? 'SSL' : 'PLAINTEXT',
    ]),
  )

/** Broker settings for all that the listeners ask. The certificate is looked for in `folder`. */
export function securityProperties(listeners: Listeners, users: Readonly<Record<string, string>>, folder: string): Properties {
  const keystore = {
    'ssl.keystore.location': join(folder, 'broker.p12'),
    'ssl.keystore.password': storePassword,
    'ssl.keystore.type': 'PKCS12',
  }
  const perListener = Object.entries(listeners).map(([name, { tls = false, mechanisms = [], sessionMs = 0 }]) => ({
    ...(tls && keystore),
    ...(mechanisms.length > 0 && {
      [`listener.name.${name.toLowerCase()}.sasl.enabled.mechanisms`]: mechanisms.join(','),
      [`listener.name.${name.toLowerCase()}.connections.max.reauth.ms`]: String(sessionMs),
    }),
    ...Object.fromEntries(mechanisms.map(kind => [loginKey(name, kind), loginModule(kind, users)])),
  }))
  return Object.assign({}, ...perListener) as Properties
}

const loginKey = (listener: string, mechanism: Mechanism): string =>
  `listener.name.${listener.toLowerCase()}.${mechanism.toLowerCase()}.sasl.jaas.config`

function loginModule(mechanism: Mechanism, users: Readonly<Record<string, string>>): string {
  const security = 'org.apache.kafka.common.security'
  const names = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`)
  if (mechanism === 'PLAIN') return `${security}.plain.PlainLoginModule required${names.join('')};`
  // Without a validator of its own a broker believes every token that is not signed and has not expired.
  if (mechanism === 'OAUTHBEARER') return `${security}.oauthbearer.OAuthBearerLoginModule required;`
  return `${security}.scram.ScramLoginModule required;`
}

const storePassword = 'changeit'

/** Makes the certificate of all nodes in the keeper's folder. */
export async function makeCertificate({ keytool }: Distribution, keeper: Keeper): Promise<void> {
  const store = ['-alias', 'broker', '-keystore', join(keeper.folder, 'broker.p12'), '-storepass', storePassword]
  const names = ['-dname', 'CN=localhost', '-ext', 'SAN=dns:localhost,ip:127.0.0.1']
  const key = ['-keyalg', 'RSA', '-keysize', '2048', '-validity', '3650', '-storetype', 'PKCS12']
  await run([keytool, '-J-XX:-UsePerfData', '-genkeypair', ...store, ...names, ...key], keeper)
  const file = join(keeper.folder, 'broker.pem')
  await run([keytool, '-J-XX:-UsePerfData', '-exportcert', '-rfc', ...store, '-file', file], keeper)
}

/** Whom a client of a TLS listener has to trust: PEM. */
export const certificateOf = ({ folder }: Cluster): string => readFileSync(join(folder, 'broker.pem'), 'utf8')

/** A token for OAUTHBEARER that an unsecured broker believes until `expiresAt`, in milliseconds since 1970. */
export function unsecuredToken(user: string, expiresAt: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: user, iat: Math.floor(expiresAt / 1000) - 3600, exp: Math.floor(expiresAt / 1000) })}.`
}
