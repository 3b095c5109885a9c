import { TransportError } from '../../errors.js'
import { waitAtMost } from '../../lib/clock.js'
import type { ConnectionContext } from '../../transport/transport.js'
import type { Security } from '../security.js'
import { Versions } from './versions.js'
import type { OpenWire, Wire, WireOptions } from '../wire.js'
import { apiVersions } from '../wire/cluster-apis.js'
import { placeOf, type Endpoint } from '../wire/failures.js'
import { requiredApis } from '../wire/required.js'

/** What all connections to a cluster have in common. */
export interface ConnectionSettings {
  readonly context: ConnectionContext
  readonly security: Security
  readonly openWire: OpenWire
  /** For connecting, logging in and agreeing on versions. */
  readonly connectTimeoutMs: number
}

/** An open connection to a broker that speaks what we speak. */
export interface Session {
  readonly wire: Wire
  readonly versions: Versions
  /** When to replace it, on the monotonic clock: some time before the broker ends it. */
  readonly endsAtMs: number
}

/** Opens one within the connect timeout. Throws `TransportError`; `signal` ends the attempt. */
export async function openSession(
  endpoint: Endpoint,
  settings: ConnectionSettings,
  { signal, onLost }: Pick<WireOptions, 'signal' | 'onLost'>,
): Promise<Session> {
  const attempt = new AbortController()
  const stop = (): void => attempt.abort()
  signal.addEventListener('abort', stop)
  const opening = agree(endpoint, settings, { signal: attempt.signal, onLost })
  try {
    if (await waitAtMost(settings.context.clock, settings.connectTimeoutMs, opening)) return await opening
    throw new TransportError(
      `Cannot connect to the broker at ${placeOf(endpoint)}: nothing came back within ${settings.connectTimeoutMs} ms. Look whether it runs.`,
    )
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
    // When it took too long nobody else listens to what becomes of it.
    opening.catch(() => undefined)
  }
}

async function agree(
  endpoint: Endpoint,
  settings: ConnectionSettings,
  attempt: Pick<WireOptions, 'signal' | 'onLost'>,
): Promise<Session> {
  const { context, security } = settings
  const { clock, random, clientId } = context
  const startedMs = clock.elapsed()
  const wire = await settings.openWire(endpoint, { clientId, security, ...attempt })
  const stop = (): void => wire.destroy()
  attempt.signal.addEventListener('abort', stop)
  try {
    if (attempt.signal.aborted) stop()
    const versions = new Versions(placeOf(endpoint), await wire.request(apiVersions, null))
    versions.require(requiredApis)
    return { wire, versions, endsAtMs: startedMs + wire.sessionLifetimeMs * (0.85 + 0.1 * random.next()) }
  } catch (error) {
    wire.destroy()
    throw error
  } finally {
    attempt.signal.removeEventListener('abort', stop)
  }
}
