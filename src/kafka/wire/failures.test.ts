import { AuthenticationError, NetworkError, ProtocolError, ResponseError, UserError } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { TransportError } from '../../errors.js'
import type { Security } from '../security.js'
import { connectionFailure } from './failures.js'

const endpoint = { host: 'b1', port: 9092 }
const plain: Security = { tls: null, sasl: null }
const password = 'canary-secret'
const scram: Security = { tls: null, sasl: { mechanism: 'SCRAM-SHA-256', username: 'user', password } }

/** As the library wraps what happens while it connects. */
const wrapped = (cause: Error): Error => new NetworkError('Connection to b1:9092 failed.', { cause })
const ofNode = (code: string, message = code): Error => Object.assign(new TypeError(message), { code })

const said = (error: unknown, security = plain): string => connectionFailure(error, endpoint, security).message

test('what the operating system says, in words, with it as the cause', () => {
  const refused = ofNode('ECONNREFUSED')
  const failure = connectionFailure(wrapped(refused), endpoint, plain)
  expect(failure).toMatchObject({ constructor: TransportError, retriable: true, cause: refused })
  expect(failure.message).toBe(
    'Cannot talk to the broker at b1:9092: nobody listens there (ECONNREFUSED). Start the broker, or correct the address.',
  )
  expect(said(wrapped(ofNode('ENOTFOUND')))).toContain('its name cannot be resolved (ENOTFOUND)')
  expect(said(wrapped(ofNode('EWHATEVER', 'something else')))).toContain('something else (EWHATEVER)')
})

test('a certificate that will not do is final', () => {
  for (const code of [
    'SELF_SIGNED_CERT_IN_CHAIN',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'EPROTO',
    'ERR_OSSL_PEM_NO_START_LINE',
    'ERR_MISSING_PASSPHRASE',
  ]) {
    expect(connectionFailure(wrapped(ofNode(code)), endpoint, { tls: {}, sasl: null })).toMatchObject({ retriable: false })
  }
  const silent = new UserError('TLS handshake failed. Please verify the broker supports TLS.', { cause: ofNode('ECONNRESET') })
  expect(said(wrapped(silent), { tls: {}, sasl: null })).toContain('it closed the connection (ECONNRESET). Look whether it runs')
})

test('a broker that speaks TLS, or hangs up on strangers', () => {
  expect(connectionFailure(new UserError('Broker requires TLS.'), endpoint, plain)).toMatchObject({
    retriable: false,
    message: 'Cannot talk to the broker at b1:9092: it speaks TLS there. Use kafka+ssl:// or tls: true, or its plain port.',
  })
  const closed = connectionFailure(new NetworkError('Connection closed'), endpoint, plain)
  expect([closed.retriable, closed.cause]).toEqual([true, undefined])
  expect(closed.message).toContain(
    'it closed the connection. Look whether it runs, and whether it wants TLS or wants a login there.',
  )
})

test('refused credentials are final, and what the broker said has no secret in it', () => {
  const response = { errorCode: 58, errorMessage: '', authBytes: Buffer.alloc(0) }
  const refusal = new ResponseError(36, 2, { '/': [58, `Authentication of user with ${password} failed`] }, response)
  const login = new AuthenticationError('SASL authentication failed.', { cause: refusal })
  for (const error of [wrapped(login), wrapped(refusal), login]) {
    const failure = connectionFailure(error, endpoint, scram)
    expect([failure.retriable, failure.cause]).toEqual([false, undefined])
    expect(failure.message).toBe(
      'Cannot log in to the broker at b1:9092 by SCRAM-SHA-256: it refused the user name or the password ("Authentication of user with *** failed"). Correct it; what is wrong is not tried again.',
    )
  }
})

test('a mechanism that is not offered, and a port without a login', () => {
  const handshake = (code: number): Error =>
    wrapped(
      new AuthenticationError('Cannot find a suitable SASL mechanism.', {
        cause: new ResponseError(17, 1, { '/': [code, null] }, { errorCode: code, mechanisms: ['PLAIN', 'OAUTHBEARER'] }),
      }),
    )
  expect(said(handshake(33), scram)).toContain('by SCRAM-SHA-256: it offers PLAIN, OAUTHBEARER. Set sasl to what it offers.')
  expect(said(handshake(34), scram)).toContain('it wants no login there. Leave sasl out')
})

test('a login cut off by the network is no refusal', () => {
  const cut = new AuthenticationError('SASL authentication failed.', { cause: new NetworkError('Connection closed') })
  expect(connectionFailure(wrapped(cut), endpoint, scram)).toMatchObject({ retriable: true })
  const odd = new AuthenticationError(`Malformed SCRAM parameter: ${password}`)
  expect(connectionFailure(wrapped(odd), endpoint, scram)).toMatchObject({ retriable: false })
  expect(said(wrapped(odd), scram)).toContain('the exchange went wrong (Malformed SCRAM parameter: ***)')
})

test('an error of ours comes through, however it was wrapped; a connection may close without a word', () => {
  const ours = new TransportError('Cannot log in: the token function threw Error.')
  expect(connectionFailure(wrapped(new AuthenticationError('…', { cause: ours })), endpoint, scram)).toBe(ours)
  expect(said(null)).toContain('it closed the connection')
  expect(said(new ProtocolError(7))).toContain('Cannot talk to the broker at b1:9092')
})
