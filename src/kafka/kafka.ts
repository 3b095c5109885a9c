import type { Transport } from '../transport/transport.js'
import { kafkaTransport } from './kafka-transport.js'
import { readSettings, type KafkaOptions } from './settings.js'

export type { Sasl, TlsOptions } from './security.js'
export type { KafkaOptions } from './settings.js'

/**
 * An Apache Kafka cluster, 3.9 or newer, or what speaks the same. Throws `OptionError`; secrets are in no error and no log line.
 *
 * @example
 * ```ts
 * const broker = kafka({
 *   brokers: ['kafka-1:9093', 'kafka-2:9093'],
 *   tls: true,
 *   sasl: { mechanism: 'SCRAM-SHA-256', username: 'orders', password: process.env['PASSWORD'] ?? '' },
 * })
 * ```
 */
export function kafka(options: KafkaOptions): Transport {
  return kafkaTransport(readSettings(options))
}
