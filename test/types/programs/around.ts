// What the design says about timers, tasks, commands and starting, written down as a user would: nothing is annotated.
import { App, argument, flag, option } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { z } from 'zod'

export const app = new App('around')
const Add = z.object({ a: z.number(), b: z.number() })
const additions = app.topic('adding', { value: Add, key: z.string() })
const adding = app.agent('adding', { topic: additions }, async function* (stream) {
  for await (const { a, b } of stream) yield a + b
})

app.timer('heartbeat', { every: '10s', onLeader: true }, signal => signal.aborted)
app.crontab('nightly', { at: '0 2 * * *', timezone: 'Europe/Oslo', onLeader: true }, async signal => void signal.reason)
app.task('warm-up', {}, async signal => signal.throwIfAborted())
app.task('leads', { onLeader: true }, async () => undefined)

export const a = argument(z.coerce.number(), 'first number')
export const count = option(z.coerce.number().optional())
export const print = flag('show what is sent')
app.command(
  'send-value',
  {
    help: 'Ask the adding agent for a sum',
    arguments: { a, b: argument(z.coerce.number(), 'second number') },
    options: { print, count, day: option(z.enum(['today', 'tomorrow']).default('today')) },
  },
  async input => {
    inputs.push(input)
    if (input.print) console.log(await adding.ask({ a: input.a, b: input.b + (input.count ?? 0) }))
    return input.day === 'today'
  },
)
export const inputs: { a: number; b: number; print: boolean; count: number | undefined; day: 'today' | 'tomorrow' }[] = []
app.command('bare', {}, () => 0)
app.command('words', { arguments: { word: argument(z.string()) } }, ({ word }) => word.length)
app.command('options', { options: { loud: flag() } }, ({ loud }) => !loud)

export const running = await app.start()
export const stopped = running.stopped
await running.stop()
{
  await using again = await app.start({})
  void again.stop
}
export const client = await app.client()
await client[Symbol.asyncDispose]()

export const test = async () => {
  await using worker = await testWorker(app, { workers: 3, seed: 7, start: new Date(0) })
  await worker.send(additions, { a: 1, b: 2 }, { key: 'alice' })
  await worker.send(adding, { a: 1, b: 2 }, { timestamp: 5 })
  await worker.advance('1m')
  return await worker.received(additions)
}
