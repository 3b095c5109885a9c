// The same model in zod, valibot, arktype and a Standard Schema of one's own: the same types come out.
import { App, type Schema } from 'faust-ts'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'

export const app = new App('models')

const ownStars: StandardSchemaV1<{ stars: number; text?: string | undefined }> = {
  '~standard': { version: 1, vendor: 'own', validate: value => ({ value: value as { stars: number } }) },
}
const models = {
  zod: z.object({ stars: z.int(), text: z.string().optional() }),
  valibot: v.object({ stars: v.pipe(v.number(), v.integer()), text: v.optional(v.string()) }),
  arktype: type({ stars: 'number.integer', 'text?': 'string' }),
  own: ownStars,
} satisfies Record<string, Schema>

export const byZod = app.topic('zod', { value: models.zod, key: z.string() })
export const byValibot = app.topic('valibot', { value: models.valibot, key: v.string() })
export const byArktype = app.topic('arktype', { value: models.arktype, key: type('string') })
export const byOwn = app.topic('own', { value: models.own })

export const rating = [
  app.agent('zod', { topic: byZod }, async function* (stream) {
    for await (const { stars } of stream) yield stars
  }),
  app.agent('valibot', { topic: byValibot }, async function* (stream) {
    for await (const { stars } of stream) yield stars
  }),
  app.agent('arktype', { topic: byArktype }, async function* (stream) {
    for await (const { stars } of stream) yield stars
  }),
] as const
export const ratedByOwn = app.agent('own', { value: models.own, key: type('number') }, async function* (stream) {
  for await (const { stars, text } of stream) yield { stars, text }
})
export const answers = Promise.all(rating.map(agent => agent.ask({ stars: 5 }, { key: 'k' })))

// Dates: a schema that takes text and makes a Date of it is what JSON leaves of its output.
export const zodDates = app.topic('zod-dates', { value: z.object({ at: z.coerce.date() }) })
export const zodCodec = app.topic('zod-codec', { value: z.union([z.date(), z.iso.datetime().transform(text => new Date(text))]) })
export const valibotDates = app.topic('valibot-dates', {
  value: v.object({
    at: v.pipe(
      v.union([v.string(), v.date()]),
      v.transform(given => new Date(given)),
    ),
  }),
})
export const arktypeDates = app.topic('arktype-dates', { value: type({ at: 'string.date.parse | Date' }) })
export const replying = app.agent(
  'replying',
  {
    topic: byValibot,
    reply: v.object({
      at: v.pipe(
        v.union([v.string(), v.date()]),
        v.transform(given => new Date(given)),
      ),
    }),
  },
  async function* (stream) {
    for await (const _ of stream) yield { at: new Date() }
  },
)
export const replied = replying.ask({ stars: 3 })
