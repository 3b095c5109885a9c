// JSON in, an agent that filters and maps, JSON out: the river against a hand-written loop. `--broker embedded` puts it on that
// broker, against its bare reader and writer; `--broker kafka` against those, a bare loop on the wire and kafkajs, and with
// `--peers <folder>` against Kafka Streams (parts/kafka-streams.ts says what the folder must have).
import { brokerKind, isKafka, onBroker } from './parts/bench-broker.js'
import { kafkaStreams } from './parts/kafka-streams.js'
import { compare, type Comparison } from './parts/measure.js'

const river = 'stateless-river.ts#run'
const driver = { 'bare reader and writer': 'stateless-driver.ts#run' }

function variants(): Comparison['variants'] {
  if (brokerKind === 'memory') return { 'bare agent': 'stateless-bare.ts#agent', river, 'bare loop': 'stateless-bare.ts#loop' }
  if (!isKafka) return { ...driver, river }
  const others = { kafkajs: 'kafkajs.ts#stateless', ...kafkaStreams('stateless') }
  return { 'bare loop': 'kafka-loop.ts#stateless', ...driver, river, ...others }
}

await onBroker(() => compare({ question: `stateless, broker ${brokerKind}`, variants: variants() }))
