import { readFileSync } from 'node:fs'
import { OptionError } from '../errors.js'
import { thrown } from '../lib/thrown.js'
import { mechanisms, type Sasl, type TlsOptions } from './security.js'
import { readEndpoint, settingsFor, type KafkaSettings } from './settings.js'
import type { Endpoint } from './wire/failures.js'

type Environment = Readonly<Record<string, string | undefined>>

/** What a URL may say behind its question mark, and the environment variable for each; the URL wins. */
const variables = {
  sasl: 'FAUST_KAFKA_SASL',
  ca: 'FAUST_KAFKA_CA_FILE',
  cert: 'FAUST_KAFKA_CERT_FILE',
  key: 'FAUST_KAFKA_KEY_FILE',
  'server-name': 'FAUST_KAFKA_SERVER_NAME',
  'client-id': 'FAUST_KAFKA_CLIENT_ID',
} as const

type Parameter = keyof typeof variables

/**
 * `kafka://[user:password@]host:port[,host:port…][?sasl=scram-sha-256&…]`, `kafka+ssl://…`: the port is 9092 and the mechanism
 * PLAIN unless given. What the URL leaves open comes from the environment (see `kafka-at.ts`). Throws `OptionError`, which repeats
 * no secret.
 */
export function settingsFromUrl(url: string, environment: Environment): KafkaSettings {
  const [matched, ssl, login, hosts = '', query = ''] =
    /^kafka(\+ssl)?:\/\/(?:([^/?#]*)@)?([^/?#@]+)\/?(?:\?([^#]*))?$/.exec(url) ?? []
  if (matched === undefined) {
    throw refused(
      'expected "kafka://host:port,host:port" or "kafka+ssl://…", with %40, %2F and the like in a user name or password',
    )
  }
  const parameters = readParameters(query, ssl !== undefined)
  const setting = (name: Parameter): string | undefined => parameters.get(name) ?? (environment[variables[name]] || undefined)
  const tls = ssl === undefined ? null : readTls(setting, environment)
  const sasl = readSasl(setting('sasl'), readLogin(login, environment), environment)
  return settingsFor(hosts.split(',').map(endpointOf), { tls, sasl }, setting('client-id') ?? null)
}

function readParameters(query: string, isTls: boolean): Map<Parameter, string> {
  const parameters = new Map<Parameter, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (!isParameter(name)) throw refused(`it says "${name}", but there are only ${Object.keys(variables).join(', ')}`)
    if (value === '') throw refused(`"${name}" is empty`)
    if (!isTls && tlsParameters.has(name)) throw refused(`"${name}" needs TLS: write kafka+ssl://`)
    parameters.set(name, value)
  }
  return parameters
}

const tlsParameters: ReadonlySet<Parameter> = new Set<Parameter>(['ca', 'cert', 'key', 'server-name'])

function isParameter(name: string): name is Parameter {
  return Object.hasOwn(variables, name)
}

function endpointOf(text: string): Endpoint {
  const endpoint = readEndpoint(text)
  if (endpoint === null) throw refused('each of its addresses must be "host", "host:port" or "[address]:port"')
  return endpoint
}

interface Login {
  readonly username: string | undefined
  readonly password: string | undefined
}

function readLogin(login: string | undefined, environment: Environment): Login {
  const [user, ...rest] = (login ?? '').split(':')
  return {
    username: decoded(user) || environment['FAUST_KAFKA_USERNAME'] || undefined,
    password: decoded(rest.join(':')) || environment['FAUST_KAFKA_PASSWORD'] || undefined,
  }
}

function decoded(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '')
  } catch {
    throw refused('its user name or password has a % that encodes nothing: write %25')
  }
}

function readSasl(given: string | undefined, { username, password }: Login, environment: Environment): Sasl | null {
  const token = environment['FAUST_KAFKA_TOKEN'] || undefined
  const hasLogin = username !== undefined || password !== undefined
  if (given === undefined && !hasLogin && token === undefined) return null
  const wanted = given?.toUpperCase() ?? (hasLogin ? 'PLAIN' : 'OAUTHBEARER')
  const mechanism = mechanisms.find(each => each === wanted)
  if (mechanism === undefined) throw refused(`sasl must be one of ${mechanisms.join(', ').toLowerCase()}`)
  if (mechanism === 'OAUTHBEARER') {
    if (token === undefined)
      throw refused('oauthbearer needs a token: set FAUST_KAFKA_TOKEN, or give kafka({ sasl: { token } }) a function')
    return { mechanism, token }
  }
  if (username === undefined) throw refused(`${wanted} needs a user name: kafka://user:password@…, or FAUST_KAFKA_USERNAME`)
  if (password === undefined) throw refused(`${wanted} needs a password: kafka://user:password@…, or FAUST_KAFKA_PASSWORD`)
  return { mechanism, username, password }
}

function readTls(setting: (name: Parameter) => string | undefined, environment: Environment): TlsOptions {
  const [ca, cert, key] = [readPem('ca', setting), readPem('cert', setting), readPem('key', setting)]
  if ((cert === undefined) !== (key === undefined)) throw refused('cert and key go together: give both, or neither')
  const passphrase = environment['FAUST_KAFKA_KEY_PASSPHRASE'] || undefined
  const serverName = setting('server-name')
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(serverName !== undefined && { serverName }),
  }
}

function readPem(name: 'ca' | 'cert' | 'key', setting: (name: Parameter) => string | undefined): string | undefined {
  const path = setting(name)
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw refused(`the file of ${name} (or ${variables[name]}) cannot be read: ${thrown(error).message}`)
  }
}

function refused(why: string): OptionError {
  return new OptionError(`The broker's URL cannot be used: ${why}.`, { option: 'broker' })
}
