import { OptionError } from '../errors.js'
import { mechanisms, type Sasl, type Security, type TlsOptions } from './security.js'
import { placeOf, type Endpoint } from './wire/failures.js'

/** A cluster and how to get into it. */
export interface KafkaOptions {
  /** Addresses to begin with, `host:port` each (port 9092 unless given); the cluster itself names its other brokers. */
  readonly brokers: readonly string[]
  /** How to log in; not at all unless given. */
  readonly sasl?: Sasl
  /** `true` trusts the authorities that Node knows; `false` unless given. */
  readonly tls?: boolean | TlsOptions
  /** The name that brokers have for this program in their logs and quotas; the app's id unless given. */
  readonly clientId?: string
}

/** Options that have been checked. */
export interface KafkaSettings {
  readonly endpoints: readonly Endpoint[]
  readonly security: Security
  readonly clientId: string | null
  /** `kafka://host:port,…`: what may be shown. */
  readonly place: string
}

/** Throws `OptionError`; nothing that was given is repeated in it but names. */
export function readSettings(options: KafkaOptions): KafkaSettings {
  const { brokers, sasl, tls = false, clientId } = known(options, 'kafka()', ['brokers', 'sasl', 'tls', 'clientId'])
  if (!Array.isArray(brokers) || brokers.length === 0)
    throw refused('brokers', 'a list of addresses, such as ["localhost:9092"]', brokers)
  const endpoints = brokers.map((broker: unknown, index) => {
    const endpoint = typeof broker === 'string' ? readEndpoint(broker) : null
    if (endpoint === null)
      throw new OptionError(`brokers[${index}] must be an address such as "localhost:9092".`, { option: 'brokers' })
    return endpoint
  })
  if (clientId !== undefined && (typeof clientId !== 'string' || clientId === '')) throw refused('clientId', 'a name', clientId)
  return settingsFor(endpoints, { tls: readTls(tls), sasl: sasl === undefined ? null : readSasl(sasl) }, clientId ?? null)
}

export function settingsFor(endpoints: readonly Endpoint[], security: Security, clientId: string | null): KafkaSettings {
  const scheme = security.tls ? 'kafka+ssl' : 'kafka'
  return { endpoints, security, clientId, place: `${scheme}://${endpoints.map(placeOf).join(',')}` }
}

/** `host`, `host:port`, `[address]:port`; `null` for anything else. */
export function readEndpoint(text: string): Endpoint | null {
  const [matched, address, name, port = '9092'] = /^(?:\[([\da-f:.]+)\]|([^\s:@,/?#[\]]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  if (matched === undefined || Number(port) < 1 || Number(port) > 65_535) return null
  return { host: address ?? name ?? '', port: Number(port) }
}

function readTls(given: unknown): TlsOptions | null {
  if (typeof given === 'boolean') return given ? {} : null
  const tls = known(given, 'tls', ['ca', 'cert', 'key', 'passphrase', 'serverName'])
  for (const name of ['ca', 'cert', 'key'] as const) {
    const pem = tls[name]
    if (pem !== undefined && typeof pem !== 'string' && !(pem instanceof Uint8Array))
      throw refused(`tls.${name}`, 'PEM, as text or bytes', pem)
  }
  for (const name of ['passphrase', 'serverName'] as const) {
    if (tls[name] !== undefined && typeof tls[name] !== 'string') throw refused(`tls.${name}`, 'a string', tls[name])
  }
  if ((tls['cert'] === undefined) !== (tls['key'] === undefined)) {
    throw new OptionError('tls.cert and tls.key go together: give both, or neither.', { option: 'tls' })
  }
  return tls as TlsOptions
}

function readSasl(given: unknown): Sasl {
  const sasl = known(given, 'sasl', ['mechanism', 'username', 'password', 'token'])
  const mechanism = mechanisms.find(each => each === sasl['mechanism'])
  if (mechanism === undefined) {
    throw new OptionError(`sasl.mechanism must be one of ${mechanisms.join(', ')}.`, { option: 'sasl' })
  }
  if (mechanism === 'OAUTHBEARER') {
    const { token } = sasl
    if ((typeof token !== 'string' || token === '') && typeof token !== 'function') {
      throw refused('sasl.token', 'a token, or a function that returns or promises one', token)
    }
  } else {
    for (const name of ['username', 'password'] as const) {
      if (typeof sasl[name] !== 'string' || sasl[name] === '')
        throw refused(`sasl.${name}`, `a string for ${mechanism}`, sasl[name])
    }
  }
  return sasl as unknown as Sasl
}

/** An object that has no other keys than these. */
function known(given: unknown, what: string, names: readonly string[]): Record<string, unknown> {
  const option = what === 'kafka()' ? 'options' : what
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refused(option, 'an object', given)
  const unknown = Object.keys(given).find(name => !names.includes(name))
  if (unknown === undefined) return given as Record<string, unknown>
  throw new OptionError(`${unknown} is not an option of ${what}; there are ${names.join(', ')}.`, { option })
}

/** Says what was given by its kind only. */
function refused(option: string, expected: string, given: unknown): OptionError {
  const kind = given === null ? 'null' : given === '' ? 'an empty string' : Array.isArray(given) ? 'a list' : typeof given
  return new OptionError(`${option} must be ${expected}; got ${kind}.`, { option })
}
