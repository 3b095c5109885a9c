// What the spine lets pass and the library does not.
import { App } from 'faust-ts'
import { z } from 'zod'

const app = new App('stricter')

// A schema of zod has a `parse` of its own, whose errors are no words for a command line.
// @ts-expect-error is not assignable to type '"a schema: write argument(schema) or option(schema)"'
app.command('x', { arguments: { a: z.coerce.number() } }, ({ a }) => a)
// @ts-expect-error is not assignable to type '"a schema: write argument(schema) or option(schema)"'
app.command('x', { options: { a: z.string() } }, ({ a }) => a)
