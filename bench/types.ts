// What types cost: 200 topics and agents in one program against 100, in instantiations as the compiler counts them.
import { join } from 'node:path'
import { compile, root } from '../test/types/compile.js'
import { print } from './parts/measure.js'

interface Cost {
  readonly pairs: number
  readonly instantiations: number
  readonly types: number
  readonly checkMs: number
  readonly memoryMb: number
}

const costs = [0, 100, 200, 400].map(costOf)
const [imports, half, whole] = costs as [Cost, Cost, Cost, Cost]
const perPair = ({ pairs, instantiations }: Cost): number => (instantiations - imports.instantiations) / (pairs || Infinity)

print<Cost>({
  title: 'types: topics and agents in one program',
  rows: costs,
  columns: {
    'topics and agents': cost => String(cost.pairs),
    instantiations: cost => cost.instantiations.toLocaleString('en'),
    'per pair': cost => perPair(cost).toFixed(0),
    types: cost => cost.types.toLocaleString('en'),
    'check ms': cost => cost.checkMs.toFixed(0),
    MB: cost => cost.memoryMb.toFixed(0),
  },
})
console.log(`\nA pair among 200 costs ${(perPair(whole) / perPair(half)).toFixed(2)} times one among 100.`)

function costOf(pairs: number): Cost {
  const library = { 'faust-ts': join(root, 'dist/index.d.ts') }
  const { output, problems } = compile({ 'app.ts': program(pairs) }, library, { flags: ['--extendedDiagnostics'] })
  if (problems.length > 0) throw new Error(`The program does not compile: ${problems[0]!.message}`)
  const figure = (name: string): number => Number(new RegExp(`^${name}: +([\\d.]+)`, 'm').exec(output)?.[1])
  return {
    pairs,
    instantiations: figure('Instantiations'),
    types: figure('Types'),
    checkMs: figure('Check time') * 1000,
    memoryMb: figure('Memory used') / 1024,
  }
}

/** Each topic has a model of its own; each agent filters, yields something of its own, has a sink and is asked. */
function program(pairs: number): string {
  const head = `import { App } from 'faust-ts'\nimport { z } from 'zod'\nexport const app = new App('types')\n`
  const pair = (n: number): string => `
const Line${n} = z.object({ sku: z.string(), count${n}: z.number() })
const Order${n} = z.object({ id: z.string(), field${n}: z.number(), placed: z.coerce.date(), lines: z.array(Line${n}) })
export const topic${n} = app.topic('topic-${n}', { key: z.string(), value: Order${n} })
export const agent${n} = app.agent('agent-${n}', { topic: topic${n} }, async function* (stream) {
  for await (const { id, field${n}, placed } of stream.filter(order => order.field${n} > ${n})) yield { id, placed, total${n}: field${n} }
})
agent${n}.to(({ total${n} }) => total${n} + 1)
export const answer${n} = agent${n}.ask({ id: 'x', field${n}: 1, placed: new Date(), lines: [] }, { key: 'k' })
`
  return head + Array.from({ length: pairs }, (_, n) => pair(n)).join('')
}
