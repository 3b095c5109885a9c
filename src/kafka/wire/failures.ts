import { TransportError } from '../../errors.js'
import { redacted, type Security } from '../security.js'

/** Where a broker listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

export function placeOf({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Why a connection could not be made, or a request on it got no answer, in our words; `null` is one that closed without a word.
 * What the library threw is looked at but never attached: nobody has promised what it holds.
 */
export function connectionFailure(error: unknown, endpoint: Endpoint, security: Security): TransportError {
  const chain = chainOf(error)
  const ours = chain.find(link => link instanceof TransportError)
  if (ours) return ours
  const login = loginFailure(chain, security)
  if (login !== null) return loginError(endpoint, security, login)
  const root = chain.at(-1)
  const code = typeof root?.code === 'string' ? root.code : ''
  const [why, remedy, isFinal = false] = reason(code, root, security)
  const shown = code === '' || code.startsWith('PLT_') ? '' : ` (${code})`
  const message = `Cannot talk to the broker at ${placeOf(endpoint)}: ${why}${shown}. ${remedy}`
  return new TransportError(message, { retriable: !isFinal, cause: code.startsWith('PLT_') ? undefined : root })
}

/** The broker's answer to credentials that it does not accept; `said` is what it had to add. */
export function refusedLogin(endpoint: Endpoint, security: Security, said: string): TransportError {
  return loginError(endpoint, security, refusal(security, said))
}

function loginError(endpoint: Endpoint, { sasl }: Security, why: string): TransportError {
  const message = `Cannot log in to the broker at ${placeOf(endpoint)} by ${sasl?.mechanism ?? 'SASL'}: ${why}`
  return new TransportError(message, { retriable: false })
}

function refusal(security: Security, said: unknown): string {
  const what = security.sasl?.mechanism === 'OAUTHBEARER' ? 'token' : 'user name or the password'
  return `it refused the ${what}${quoted(said, security)}. Correct it; what is wrong is not tried again.`
}

function quoted(said: unknown, security: Security): string {
  return typeof said === 'string' && said !== '' ? ` ("${redacted(said, security)}")` : ''
}

/** What an error may say about itself, whoever made it. */
interface Link extends Error {
  readonly code?: unknown
  readonly apiId?: unknown
  readonly serverErrorMessage?: unknown
  readonly response?: { readonly mechanisms?: readonly string[] }
  readonly errors?: readonly unknown[]
}

/** An error, what caused it, what caused that. */
function chainOf(error: unknown): Link[] {
  const chain: Link[] = []
  for (let next = error; next instanceof Error && !chain.includes(next);) {
    const link: Link = next
    chain.push(link)
    next = link.cause ?? link.errors?.[0]
  }
  return chain
}

/** Why the broker, or we, refused to go on with the login; `null` when the login is not what failed. */
function loginFailure(chain: readonly Link[], security: Security): string | null {
  const refused = chain.find(link => link.code === 'PLT_KFK_PROTOCOL')
  switch (refused?.apiId) {
    case 'SASL_AUTHENTICATION_FAILED':
      return refusal(security, refused.serverErrorMessage)
    case 'UNSUPPORTED_SASL_MECHANISM': {
      const offered = chain.find(link => link.response?.mechanisms)?.response?.mechanisms ?? []
      return `it offers ${offered.join(', ') || 'no such mechanism'}. Set sasl to what it offers.`
    }
    case 'ILLEGAL_SASL_STATE':
      return `it wants no login there${quoted(refused.serverErrorMessage, security)}. Leave sasl out, or use the port where it wants one.`
  }
  const last = chain.at(-1)
  if (last?.code !== 'PLT_KFK_AUTHENTICATION') return null
  return `the exchange went wrong (${redacted(last.message, security)}). Look whether this is the right broker.`
}

type Reason = readonly [why: string, remedy: string, isFinal?: boolean]

function reason(code: string, root: Error | undefined, security: Security): Reason {
  const known = reasons[code]
  if (known) return known
  if (root?.message === 'Broker requires TLS.') {
    return ['it speaks TLS there', 'Use kafka+ssl:// or tls: true, or its plain port.', true]
  }
  if (root === undefined || code === 'ECONNRESET' || code === 'EPIPE' || code.startsWith('PLT_'))
    return ['it closed the connection', closedRemedy(security)]
  if (/^ERR_(OSSL|MISSING_PASSPHRASE)/.test(code))
    return [`the certificate or its key cannot be used: ${root.message}`, 'Correct tls: { ca, cert, key, passphrase }.', true]
  if (/^(ERR_SSL|EPROTO)/.test(code)) return ['no TLS connection can be agreed on', 'Look whether it speaks TLS there.', true]
  return [root.message, 'Look whether the broker runs and can be reached.']
}

function closedRemedy({ tls, sasl }: Security): string {
  const doubts = [tls ? 'speaks TLS' : 'wants TLS', ...(sasl ? [] : ['wants a login'])]
  return `Look whether it runs, and whether it ${doubts.join(' or ')} there.`
}

const untrusted: Reason = ['its certificate is not trusted', 'Name its authority: tls: { ca }, or FAUST_KAFKA_CA_FILE.', true]
const unknownName: Reason = ['its name cannot be resolved', 'Correct the address.']
const unreachable: Reason = ['it cannot be reached', 'Look whether it runs and whether a firewall is between.']
const wantsCertificate: Reason = ['it wants a certificate of the client', 'Give it one: tls: { cert, key }.', true]

const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: ['nobody listens there', 'Start the broker, or correct the address.'],
  ENOTFOUND: unknownName,
  EAI_AGAIN: unknownName,
  ETIMEDOUT: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: ['its certificate has expired', 'Renew it.', true],
  ERR_TLS_CERT_ALTNAME_INVALID: ['its certificate is for another name', 'Set tls: { serverName } to the name it is for.', true],
  ERR_SSL_WRONG_VERSION_NUMBER: ['it does not speak TLS there', 'Use kafka:// without tls, or its TLS port.', true],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ['it does not speak TLS there', 'Use kafka:// without tls, or its TLS port.', true],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: wantsCertificate,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: wantsCertificate,
}
