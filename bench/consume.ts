// Reading 100-byte messages that were stored before: the bare reader of the broker's driver against an agent that takes them
// as bytes. `--broker memory | embedded`.
import { brokerKind } from './parts/bench-broker.js'
import { compare } from './parts/measure.js'

await compare({
  question: `consume, broker ${brokerKind}`,
  variants: { 'bare reader': 'consume-driver.ts#run', agent: 'consume-agent.ts#run' },
})
