import type { Connection, ConnectionContext, Transport } from '../transport/transport.js'
import type { KafkaSettings } from './settings.js'

/** The settings stay in here: whoever prints a transport sees no secret. */
export function kafkaTransport(settings: KafkaSettings): Transport {
  return { kind: 'kafka', place: settings.place, connect: context => connect(settings, context) }
}

/** Loads the driver now: whoever uses another broker does not pay for it. */
async function connect(settings: KafkaSettings, context: ConnectionContext): Promise<Connection> {
  const [{ KafkaConnection }, { openCluster }, { loadCompression }] = await Promise.all([
    import('./connection.js'),
    import('./cluster/open-cluster.js'),
    import('./wire.js'),
  ])
  const compression = await loadCompression()
  return new KafkaConnection({ context, cluster: await openCluster(settings, context), compression })
}
