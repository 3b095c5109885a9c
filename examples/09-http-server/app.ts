import { App } from 'faust-ts'
import { z } from 'zod'

export const Add = z.object({ a: z.number(), b: z.number() })

export const app = new App('sums')
export const adding = app.agent('adding', { value: Add }, async function* (stream) {
  for await (const { a, b } of stream) yield a + b
})
