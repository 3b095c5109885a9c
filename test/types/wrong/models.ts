// Each directive says what the compiler has to say: wrong.test.ts takes them away and looks. `…` is any text.
import { App } from 'faust-ts'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'

const app = new App('wrong-models')

// JSON of the output must be a valid input: the law in words, whichever library the schema is from.
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('lengths', { value: z.string().transform(text => text.length) })
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('lengths', {
  value: v.pipe(
    v.string(),
    v.transform(text => text.length),
  ),
})
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('lengths', { value: type('string.numeric.parse') })
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('dates', { value: z.object({ at: z.date() }) })
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('dates', { value: v.object({ at: v.date() }) })
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('dates', { value: type({ at: 'Date' }) })
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('bigints', { value: z.object({ cents: z.bigint() }) })
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('maps', { value: z.map(z.string(), z.number()) })
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('sets', { value: z.array(z.set(z.string())) })
// @ts-expect-error 'schema does not round-trip': "its output, written as JSON, is not a valid input: pass a codec"
app.topic('functions', { value: v.object({ run: v.function() }) })
