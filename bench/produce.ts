// Storing 100-byte messages, acknowledged: as fast as they come, and each after the last one's acknowledgement; the bare
// producer of the broker's driver against `topic.send`; on Kafka a bare loop on the wire and kafkajs besides.
// `--broker memory | embedded | embedded-fsync | kafka`.
import { brokerKind, isKafka, onBroker } from './parts/bench-broker.js'
import { compare } from './parts/measure.js'

const variants = (ours: 'many' | 'oneByOne', onKafka: 'produceMany' | 'produceOneByOne'): Record<string, string> => ({
  ...(isKafka && { 'bare loop': `kafka-loop.ts#${onKafka}` }),
  'bare producer': `produce-driver.ts#${ours}`,
  'topic.send': `produce-topic.ts#${ours}`,
  ...(isKafka && { kafkajs: `kafkajs.ts#${onKafka}` }),
})

await onBroker(async () => {
  await compare({
    question: `produce, as fast as they come, broker ${brokerKind}`,
    variants: variants('many', 'produceMany'),
  })
  await compare({
    question: `produce, one by one, broker ${brokerKind}`,
    variants: variants('oneByOne', 'produceOneByOne'),
    events: 10_000,
  })
})
