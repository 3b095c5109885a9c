import { App } from 'faust-ts'
import { z } from 'zod'

const app = new App('noagents')
const topic = app.topic('noagents', { value: z.string(), partitions: 1 })

/** A stream processor needs no agent: it is a loop over a stream. */
async function myStream(): Promise<void> {
  for await (const value of topic.stream()) {
    console.log('Received:', value)
    if (value === 'the last one') break
  }
}

await using _running = await app.start()
for (const value of ['one', 'two', 'the last one']) topic.send(value)
await myStream()
