import type { Connection, ConnectionContext, Transport } from '../transport/transport.js'
import { settingsFromUrl } from './kafka-url.js'
import { readSettings, type KafkaOptions, type KafkaSettings } from './settings.js'

export type { Sasl, TlsOptions } from './security.js'
export type { KafkaOptions } from './settings.js'

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
export function kafka(options: KafkaOptions): Transport {
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
export function kafkaAt(url: string, environment: Readonly<Record<string, string | undefined>> = process.env): Transport {
  return transport(settingsFromUrl(url, environment))
}

/** The settings stay in here: whoever prints a transport sees no secret. */
function transport(settings: KafkaSettings): Transport {
  return { kind: 'kafka', place: settings.place, connect: context => connect(settings, context) }
}

/** Loads the driver now: whoever uses another broker does not pay for it. */
async function connect(settings: KafkaSettings, context: ConnectionContext): Promise<Connection> {
  const [{ KafkaConnection }, { openCluster }, { loadCompression }] = await Promise.all([
    import('./connection.js'),
    import('./open-cluster.js'),
    import('./wire.js'),
  ])
  const [compression, cluster] = await Promise.all([loadCompression(), openCluster(settings, context)])
  return new KafkaConnection({ context, cluster, compression })
}
