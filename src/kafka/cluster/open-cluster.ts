import type { ConnectionContext } from '../../transport/transport.js'
import { Cluster } from './cluster.js'
import type { KafkaSettings } from '../settings.js'
import { openWire } from '../wire.js'

/** Throws `TransportError` when no broker can be reached. */
export function openCluster(settings: KafkaSettings, context: ConnectionContext): Promise<Cluster> {
  const { endpoints, security, clientId, place } = settings
  const isReadable = security.sasl !== null && security.tls === null && !security.sasl.mechanism.startsWith('SCRAM')
  if (isReadable && !endpoints.every(({ host }) => loopback.test(host))) {
    context.log.warn(
      { broker: place },
      'Credentials travel unencrypted: anyone in between can read them. Use kafka+ssl://, or SCRAM.',
    )
  }
  const named = { ...context, clientId: clientId ?? context.clientId }
  return Cluster.open({ endpoints, place, security, context: named, openWire })
}

const loopback = /^(localhost|127\..*|::1)$/
