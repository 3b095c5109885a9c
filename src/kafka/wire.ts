// The only file that knows the client library: its connections and its logins. Requests and answers are ours (wire/).
import nodeModule from 'node:module'
import { isIP } from 'node:net'
import type * as kafkaLibrary from '@platformatic/kafka'
import type { Callback, Connection, ConnectionOptions, SASLOptions } from '@platformatic/kafka'
import { TransportError } from '../errors.js'
import { thrown } from '../lib/thrown.js'
import { provideWithResolvers } from '../lib/with-resolvers.js'
import { Compression } from './records/compression.js'
import type { Sasl, Security } from './security.js'
import type { Api } from './wire/api.js'
import { ByteReader } from './wire/byte-reader.js'
import { ByteWriter } from './wire/byte-writer.js'
import { apiVersions } from './wire/cluster-apis.js'
import { fetch } from './wire/fetch.js'
import { connectionFailure, placeOf, refusedLogin, type Endpoint } from './wire/failures.js'
import { loadZstd } from './records/zstd.js'

export interface WireOptions {
  readonly clientId: string
  readonly security: Security
  /** Ends the attempt. */
  readonly signal: AbortSignal
  /** The wire has ended and answers nothing more; not called for one that never opened or was destroyed. */
  readonly onLost: (why: TransportError) => void
}

/** A connection that is open and logged in. The process stays alive for what is asked on it, unless that only waits for messages. */
export interface Wire {
  /** How long the login is good for, in milliseconds; then the broker hangs up. `Infinity` when it does not say. */
  readonly sessionLifetimeMs: number
  /** Requests are answered one after the other, in order. There is no time-out: destroy the wire. */
  request<Args, Answer>(api: Api<Args, Answer>, args: Args): Promise<Answer>
  /** Ends it at once; open requests are rejected. */
  destroy(): void
}

export type OpenWire = (endpoint: Endpoint, options: WireOptions) => Promise<Wire>

/** Connects, and logs in where that is wanted. Throws `TransportError`, without the secrets in it. */
export const openWire: OpenWire = async (endpoint, options) => {
  const library = await loadLibrary()
  const wire = new LibraryWire(library, endpoint, options)
  await wire.open()
  return wire
}

type Library = typeof kafkaLibrary

let loading: Promise<Library> | null = null

function loadLibrary(): Promise<Library> {
  return (loading ??= importLibrary())
}

/** Half a second of compiling, which newer runtimes need not repeat at every start. */
function importLibrary(): Promise<Library> {
  provideWithResolvers()
  const newer: object & { readonly enableCompileCache?: () => unknown } = nodeModule
  newer.enableCompileCache?.()
  return import('@platformatic/kafka')
}

/** What compresses records. */
export async function loadCompression(): Promise<Compression> {
  const { compressionsAlgorithms } = await loadLibrary()
  const { snappy, lz4 } = compressionsAlgorithms
  return new Compression({ snappy: snappy.compressSync, lz4: lz4.compressSync, zstd: await loadZstd() })
}

/** The deadlines are our caller's. */
const longestTimeoutMs = 2 ** 31 - 1

class LibraryWire implements Wire {
  sessionLifetimeMs = Infinity
  readonly #library: Library
  readonly #endpoint: Endpoint
  readonly #options: WireOptions
  readonly #connection: Connection
  #isOpen = false
  /** Requests without an answer that somebody may wait for. */
  #awaited = 0
  /** What the library said last; it closes without saying why. */
  #lastError: unknown = null

  constructor(library: Library, endpoint: Endpoint, options: WireOptions) {
    this.#library = library
    this.#endpoint = endpoint
    this.#options = options
    this.#connection = new library.Connection(options.clientId, this.#settings())
    // Without a listener the loss of a connection would end the process.
    this.#connection.on('error', error => void (this.#lastError = error))
    this.#connection.on('close', () => this.#onClose())
  }

  async open(): Promise<void> {
    const { signal } = this.#options
    const give = (): void => this.destroy()
    signal.addEventListener('abort', give)
    try {
      if (signal.aborted) throw this.#failure(null)
      await this.#connect()
      this.#isOpen = true
      this.#hold(0)
    } catch (error) {
      this.destroy()
      throw this.#failure(error)
    } finally {
      signal.removeEventListener('abort', give)
    }
  }

  /** Also what the library throws at once; it does not clean up then, and would reject a promise of its own that nobody has. */
  #connect(): Promise<void> {
    const { host, port } = this.#endpoint
    return new Promise((resolve, reject) => {
      void this.#connection.connect(host, port, error => (error ? reject(error) : resolve()))
    })
  }

  request<Args, Answer>(api: Api<Args, Answer>, args: Args): Promise<Answer> {
    const body = new ByteWriter()
    api.write(body, args)
    const held = api.key === fetch.key ? 0 : 1
    this.#hold(held)
    return new Promise((resolve, reject) => {
      const settle: Callback<Answer> = (error, answer) => {
        this.#hold(-held)
        if (error) reject(this.#failure(this.#lastError ?? error))
        else resolve(answer as Answer)
      }
      const payload = (): InstanceType<Library['Writer']> => {
        const writer = this.#library.Writer.create()
        for (const part of body.parts()) writer.append(part)
        return writer
      }
      // The header of this one answer has no tagged fields, so that brokers of any age can read the question.
      const isTagged = api.key !== apiVersions.key
      this.#connection.send<Answer>(
        api.key,
        api.version,
        payload,
        (...[, , , reader]) => api.read(new ByteReader(reader.buffer.buffer, reader.position)),
        true,
        isTagged,
        settle,
      )
    })
  }

  destroy(): void {
    const wasOpen = this.#isOpen
    this.#isOpen = false
    // Closing it properly would wait for a frozen broker to take what was written.
    this.#connection.socket?.destroy()
    if (!wasOpen) this.#connection.emit('close')
  }

  #hold(more: number): void {
    this.#awaited += more
    const { socket } = this.#connection
    // Of one that has ended Node would remember it until it connects.
    if (socket === undefined || socket.destroyed) return
    if (this.#awaited > 0) socket.ref()
    else socket.unref()
  }

  #onClose(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.onLost(this.#failure(this.#lastError))
  }

  #failure(error: unknown): TransportError {
    return connectionFailure(error, this.#endpoint, this.#options.security)
  }

  #settings(): ConnectionOptions {
    const { tls, sasl } = this.#options.security
    const { host } = this.#endpoint
    return {
      connectTimeout: longestTimeoutMs,
      requestTimeout: longestTimeoutMs,
      ...(tls && {
        tls: { ca: asText(tls.ca), cert: asText(tls.cert), key: asText(tls.key), passphrase: tls.passphrase },
        // Addresses have no server name in TLS.
        tlsServerName: tls.serverName ?? isIP(host) === 0,
      }),
      ...(sasl && { sasl: { mechanism: sasl.mechanism, authenticate: (...args) => this.#logIn(sasl, args) } }),
    }
  }

  #logIn(sasl: Sasl, [, connection, api, , , , done]: Parameters<Authenticator>): void {
    const { saslOAuthBearer, saslPlain, saslScramSha } = this.#library
    const loggedIn: LoggedIn = (error, answer) => {
      if (error || !answer) return done(error)
      // A token is refused politely, in an answer without an error.
      const refusal = sasl.mechanism === 'OAUTHBEARER' ? answer.authBytes.toString() : ''
      if (refusal !== '') return done(refusedLogin(this.#endpoint, this.#options.security, refusal))
      this.sessionLifetimeMs = Number(answer.sessionLifetimeMs) || Infinity
      // The library would log in again on the connection in use, which under traffic kills it: it is told that it need not.
      done(null, { ...answer, sessionLifetimeMs: 0n })
    }
    const safely = unthrowing(api, done)
    if (sasl.mechanism === 'OAUTHBEARER') {
      saslOAuthBearer.authenticate(safely, connection, () => tokenOf(sasl, this.#endpoint), {}, loggedIn)
    } else if (sasl.mechanism === 'PLAIN') {
      saslPlain.authenticate(safely, connection, sasl.username, sasl.password, loggedIn)
    } else {
      const hash = sasl.mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512'
      const { username, password } = sasl
      saslScramSha.authenticate(safely, connection, hash, username, password, saslScramSha.defaultCrypto, loggedIn)
    }
  }
}

type Authenticator = NonNullable<SASLOptions['authenticate']>
type LoggedIn = Parameters<Authenticator>[6]
type AuthenticateApi = Parameters<Authenticator>[2]

/** What the library throws at a nonsensical answer would end the process, out of the socket's event. */
function unthrowing(api: AuthenticateApi, done: LoggedIn): AuthenticateApi {
  const safely = (...[connection, bytes, settle]: Parameters<AuthenticateApi>): void =>
    api(connection, bytes, (error, answer) => {
      try {
        settle?.(error, answer)
      } catch (nonsense) {
        done(nonsense instanceof Error ? nonsense : null)
      }
    })
  return Object.assign(safely, { async: api.async, key: api.key, version: api.version })
}

async function tokenOf({ token }: Extract<Sasl, { mechanism: 'OAUTHBEARER' }>, endpoint: Endpoint): Promise<string> {
  try {
    return typeof token === 'string' ? token : await token()
  } catch (error) {
    const message = `Cannot log in to the broker at ${placeOf(endpoint)} by OAUTHBEARER: the token function threw ${thrown(error).name}.`
    throw new TransportError(`${message} Look at its cause.`, { cause: error })
  }
}

function asText(pem: string | Uint8Array | undefined): string | undefined {
  return pem === undefined || typeof pem === 'string' ? pem : Buffer.from(pem).toString()
}
