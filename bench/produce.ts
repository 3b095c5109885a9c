// Storing 100-byte messages, acknowledged: as fast as they come, and each after the last one's acknowledgement; the bare
// producer of the broker's driver against `topic.send`. `--broker memory | embedded | embedded-fsync`.
import { brokerKind } from './parts/bench-broker.js'
import { compare } from './parts/measure.js'

await compare({
  question: `produce, as fast as they come, broker ${brokerKind}`,
  variants: { 'bare producer': 'produce-driver.ts#many', 'topic.send': 'produce-topic.ts#many' },
})
await compare({
  question: `produce, one by one, broker ${brokerKind}`,
  variants: { 'bare producer': 'produce-driver.ts#oneByOne', 'topic.send': 'produce-topic.ts#oneByOne' },
  events: 10_000,
})
