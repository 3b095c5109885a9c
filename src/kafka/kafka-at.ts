import type { Transport } from '../transport/transport.js'
import { kafkaTransport } from './kafka-transport.js'
import { settingsFromUrl } from './kafka-url.js'

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
  return kafkaTransport(settingsFromUrl(url, environment))
}
