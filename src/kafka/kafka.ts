import type { ConnectionContext, Transport } from '../transport/transport.js'
import type { Cluster } from './cluster.js'
import { settingsFromUrl } from './kafka-url.js'
import { readSettings, type KafkaOptions, type KafkaSettings } from './settings.js'

/** A Kafka cluster to connect to. */
export interface KafkaTransport extends Pick<Transport, 'kind' | 'place'> {
  /** Throws `TransportError`. */
  readonly openCluster: (context: ConnectionContext) => Promise<Cluster>
}

/**
 * An Apache Kafka cluster, 4.0 or newer, or what speaks the same. Throws `OptionError`; secrets are in no error and no log line.
 *
 * @example
 * ```ts
 * const broker = kafka({
 *   brokers: ['kafka-1:9093', 'kafka-2:9093'],
 *   tls: true,
 *   sasl: { mechanism: 'SCRAM-SHA-256', username: 'orders', password: process.env.PASSWORD },
 * })
 * ```
 */
export function kafka(options: KafkaOptions): KafkaTransport {
  return transport(readSettings(options))
}

/**
 * The cluster that a URL stands for: `kafka://[user:password@]host:port[,host:port…][?…]`, `kafka+ssl://…` for TLS. Behind the
 * question mark: `sasl` (plain, scram-sha-256, scram-sha-512, oauthbearer), the files `ca`, `cert` and `key` (PEM),
 * `server-name`, `client-id`. What it leaves open is taken from the environment, secrets above all:
 *
 * - `FAUST_KAFKA_USERNAME`, `FAUST_KAFKA_PASSWORD`, `FAUST_KAFKA_TOKEN` (OAUTHBEARER), `FAUST_KAFKA_SASL`
 * - `FAUST_KAFKA_CA_FILE`, `FAUST_KAFKA_CERT_FILE`, `FAUST_KAFKA_KEY_FILE`, `FAUST_KAFKA_KEY_PASSPHRASE`, `FAUST_KAFKA_SERVER_NAME`
 * - `FAUST_KAFKA_CLIENT_ID`
 *
 * Throws `OptionError`.
 */
export function kafkaAt(url: string, environment: Readonly<Record<string, string | undefined>> = process.env): KafkaTransport {
  return transport(settingsFromUrl(url, environment))
}

/** The settings stay in here: whoever prints a transport sees no secret. */
function transport(settings: KafkaSettings): KafkaTransport {
  return { kind: 'kafka', place: settings.place, openCluster: context => openCluster(settings, context) }
}

/** Loads the driver now: whoever uses another broker does not pay for it. */
async function openCluster(
  { endpoints, security, clientId, place }: KafkaSettings,
  context: ConnectionContext,
): Promise<Cluster> {
  const [{ Cluster }, { openWire }] = await Promise.all([import('./cluster.js'), import('./wire.js')])
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
