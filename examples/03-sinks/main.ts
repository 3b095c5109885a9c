import { App } from 'faust-ts'
import { z } from 'zod'

const app = new App('sinks')
const log = app.topic('agent-log', { key: z.string(), value: z.number() })
const byParity = app.topic('by-parity', { key: z.enum(['odd', 'even']), value: z.number() })
const alerts = app.channel('alerts', { value: z.number() })
const archived = app.channel('archived', { value: z.string() })

// It never yields: it can be a sink, and cannot be asked.
const archive = app.agent('archive', { value: z.number() }, async numbers => {
  for await (const n of numbers) await archived.send(`page ${n}`)
})

const squaring = app
  .agent('squaring', { value: z.number() }, async function* (numbers) {
    for await (const n of numbers) yield n * n
  })
  .to(n => console.log('a function:       ', n))
  .to(async n => {
    // Awaited before the agent's next event: a slow sink slows its agent down.
    await Promise.resolve()
    console.log('an async function:', n)
  })
  .to(log) // a topic: under the key of the event, and at its time
  .to(byParity, { key: n => (n % 2 === 0 ? 'even' : 'odd') }) // or under another key
  .to(alerts) // a channel
  .to(archive) // another agent

await using _running = await app.start()

const answers = [await squaring.ask(2, { key: 'two' }), await squaring.ask(3, { key: 'three' })]

console.log('whoever asks:     ', ...answers)
console.log('a topic:          ', ...(await first(2, log.stream().entries())))
console.log('another key:      ', ...(await first(2, byParity.stream().entries())))
console.log('a channel:        ', ...(await first(2, alerts.stream())))
console.log('another agent:    ', ...(await first(2, archived.stream())))

/** The first `count` of a stream, sorted: partitions have no order among themselves. */
async function first<Element>(count: number, stream: AsyncIterable<Element>): Promise<Element[]> {
  const elements: Element[] = []
  for await (const element of stream) if (elements.push(element) === count) break
  return elements.sort((left, right) => (String(left) < String(right) ? -1 : 1))
}
