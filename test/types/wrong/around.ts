// Each directive says what the compiler has to say: wrong.test.ts takes them away and looks. `…` is any text.
import { App, argument, flag, option } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

const app = new App('wrong-around')
const additions = app.topic('adding', { value: z.object({ a: z.number() }) })

// @ts-expect-error Expected 1-2 arguments, but got 0
void new App()
// @ts-expect-error 'brocker' does not exist in type 'AppOptions'. Did you mean to write 'broker'?
void new App('x', { brocker: 'memory:' })
// @ts-expect-error Type 'string' is not assignable to type 'number'
void new App('x', { partitions: '8' })

// @ts-expect-error Type '"soon"' is not assignable to type 'Duration
app.timer('x', { every: 'soon' }, () => 1)
// @ts-expect-error Property 'every' is missing in type '{}' but required in type
app.timer('x', {}, () => 1)
// @ts-expect-error Type 'number' is not assignable to type 'string'
app.crontab('x', { at: 5 }, () => 1)
// @ts-expect-error Type 'number' is not assignable to type 'Promise<void>'
app.task('x', {}, () => 1)

// @ts-expect-error Property 'b' does not exist on type … { a: Argument<number>; }
app.command('x', { arguments: { a: argument(z.coerce.number()) } }, ({ b }) => b)
// @ts-expect-error Property 'toFixed' does not exist on type 'string'
app.command('x', { arguments: { a: argument(z.string()) } }, ({ a }) => a.toFixed())
// @ts-expect-error Property 'length' does not exist on type 'boolean'
app.command('x', { options: { loud: flag() } }, ({ loud }) => loud.length)
// @ts-expect-error 'count' is possibly 'undefined'
app.command('x', { options: { count: option(z.coerce.number().optional()) } }, ({ count }) => count.toFixed())

await using worker = await testWorker(app)
// @ts-expect-error Type 'string' is not assignable to type 'number'
await worker.send(additions, { a: 'text' })
// @ts-expect-error Type 'number' is not assignable to type 'string'
const received: { a: string }[] = await worker.received(additions)
// @ts-expect-error Argument of type '"a minute"' is not assignable to parameter of type 'Duration
await worker.advance('a minute')
// @ts-expect-error 'worker' does not exist in type … Did you mean to write 'workers'?
await testWorker(app, { worker: 3 })
