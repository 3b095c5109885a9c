// Reading 100-byte messages that were stored before: the bare reader of the broker's driver against an agent that takes them
// as bytes; on Kafka a bare loop on the wire and kafkajs besides. `--broker memory | embedded | kafka`.
import { brokerKind, isKafka, onBroker } from './parts/bench-broker.js'
import { compare } from './parts/measure.js'

const ours = { 'bare reader': 'consume-driver.ts#run', agent: 'consume-agent.ts#run' }

await onBroker(() =>
  compare({
    question: `consume, broker ${brokerKind}`,
    variants: isKafka ? { 'bare loop': 'kafka-loop.ts#consume', ...ours, kafkajs: 'kafkajs.ts#consume' } : ours,
  }),
)
