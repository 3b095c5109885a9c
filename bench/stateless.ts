// JSON in, an agent that filters and maps, JSON out: the river in memory against a hand-written loop.
import { existsSync } from 'node:fs'
import { compare } from './measure.js'

const river = 'stateless-river.ts'

await compare({
  question: 'stateless',
  variants: {
    'bare agent': 'stateless-bare.ts#agent',
    ...(existsSync(new URL(river, import.meta.url)) && { river: `${river}#run` }),
    'bare loop': 'stateless-bare.ts#loop',
  },
})
