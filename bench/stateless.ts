// JSON in, an agent that filters and maps, JSON out: the river against a hand-written loop. `--broker embedded` puts both on
// that broker: its bare reader and writer against the river.
import { brokerKind } from './parts/bench-broker.js'
import { compare } from './parts/measure.js'

const river = 'stateless-river.ts#run'

await compare({
  question: `stateless, broker ${brokerKind}`,
  variants:
    brokerKind === 'memory'
      ? { 'bare agent': 'stateless-bare.ts#agent', river, 'bare loop': 'stateless-bare.ts#loop' }
      : { 'bare reader and writer': 'stateless-driver.ts#run', river },
})
