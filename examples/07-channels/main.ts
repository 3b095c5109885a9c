import { App } from 'faust-ts'
import { z } from 'zod'

const app = new App('channels')

// A channel is a topic that never leaves this process: nothing is encoded, and what it holds dies with the process.
const alerts = app.channel('alerts', { value: z.string(), capacity: 3 })

// Agents read it like a topic, and are asked like any others.
let handled = 0
const paging = app.agent('paging', { topic: alerts }, async function* (stream) {
  for await (const alert of stream) {
    await new Promise(resolve => setTimeout(resolve, 2))
    handled++
    yield `paged somebody: ${alert}`
  }
})

// Every reader gets everything.
let logged = 0
app.task('logging', {}, async () => {
  for await (const _alert of alerts.stream()) logged++
})

await using _running = await app.start()

// It is bounded: with `capacity` values waiting, `send` waits until there is room. That is why it is awaited.
let farthest = 0
for (let sent = 1; sent <= 20; sent++) {
  await alerts.send(`alert ${sent}`)
  farthest = Math.max(farthest, sent - handled)
}
console.log(await paging.ask('the last one'))
console.log(`${handled} handled, ${logged} logged; the sender was never more than ${farthest} ahead`)
