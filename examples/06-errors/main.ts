import { App, createLogger, deadLetter, retry } from 'faust-ts'
import { z } from 'zod'

// Failures are what this program is about: it reports them itself.
const app = new App('payments', { logger: await createLogger({ level: 'silent', format: 'json' }) })
const Payment = z.object({ id: z.string(), amount: z.number() })
const payments = app.topic('payments', { key: z.string(), value: Payment, onDecodeError: deadLetter() })
const deadLetters = app.topic('payments-dead-letters')

/** Stands in for a bank that is out of order every other time. */
let calls = 0
const bank = {
  async book({ id, amount }: z.infer<typeof Payment>): Promise<string> {
    calls++
    if (amount < 0) throw new RangeError(`${id}: cannot book ${amount}`)
    if (calls % 2 === 1) throw new Error(`${id}: the bank is out of order`)
    return `${id}: booked ${amount}`
  },
}

// Four tries in all, each after a longer wait; then the message is laid aside as it came, and the agent goes on.
// While one payment waits, the others of its partition wait behind it, so that their order is kept.
const booking = app.agent(
  'booking',
  { topic: payments, onError: retry({ attempts: 4, backoff: '5ms', then: deadLetter() }) },
  async function* (stream) {
    for await (const payment of stream) yield await bank.book(payment)
  },
)

await using _running = await app.start()

console.log(await booking.ask({ id: 'rent', amount: 900 }, { key: 'alice' }))

// The asker hears of the failure when the last try has failed.
await booking.ask({ id: 'typo', amount: -1 }, { key: 'bob' }).catch((error: Error) => console.log(error.message))

// What does not fit the model never reaches the agent. (Here somebody who knows no model sends it.)
await app.topic('payments').send({ id: 'nonsense', amount: 'a lot' }, { key: 'carol' })

const found: string[] = []
for await (const { key, headers } of deadLetters.stream().events()) {
  const fact = (name: string): string => Buffer.from(headers.get(`__faust.errors.${name}`) ?? []).toString()
  found.push(
    `dead letter of ${Buffer.from(key ?? []).toString()}, attempts ${fact('attempts')}: ${fact('exception')}: ${fact('message').split('. ')[0]}`,
  )
  if (found.length === 2) break
}
console.log(found.sort().join('\n'))
