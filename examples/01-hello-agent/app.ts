import { App, argument, flag } from 'faust-ts'
import { z } from 'zod'

// The model describes the values sent to our agent: JSON with two numbers.
export const Add = z.object({ a: z.number(), b: z.number() })

export const app = new App('agent-example')

// The topic that our agent reads is called 'adding', and its values are of the Add model.
export const additions = app.topic('adding', { value: Add })

// Nothing is annotated: `stream` is a Stream<{ a: number; b: number }>, and asking this agent gives a number.
export const adding = app.agent('adding', { topic: additions }, async function* (stream) {
  for await (const { a, b } of stream) yield a + b
})

app.command(
  'send-value',
  {
    help: 'Ask the adding agent for a sum',
    arguments: { a: argument(z.coerce.number(), 'first number'), b: argument(z.coerce.number(), 'second number') },
    options: { print: flag('show what is sent') },
  },
  async ({ a, b, print }) => {
    if (print) console.log(`Sending Add(${a}, ${b})...`)
    console.log(await adding.ask({ a, b }))
  },
)
