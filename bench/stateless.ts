// JSON in, an agent that filters and maps, JSON out: the river in memory against a hand-written loop.
import { compare } from './parts/measure.js'

await compare({
  question: 'stateless',
  variants: {
    'bare agent': 'stateless-bare.ts#agent',
    river: 'stateless-river.ts#run',
    'bare loop': 'stateless-bare.ts#loop',
  },
})
