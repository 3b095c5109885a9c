import { App } from 'faust-ts'
import { z } from 'zod'

const Order = z.object({ customer: z.string(), total: z.number() })

export const app = new App('orders')
export const orders = app.topic('orders', { value: Order })
export const large = app.topic('large-orders', { value: Order })
export const reminders = app.topic('reminders', { value: z.string() })

/** Adds up what has been ordered, and passes large orders on. Answers with the sum so far. */
export const booking = app.agent('booking', { topic: orders }, async function* (stream) {
  let revenue = 0
  for await (const order of stream) {
    if (order.total < 0) throw new RangeError(`an order of ${order.total}`)
    revenue += order.total
    if (order.total >= 1000) large.send(order, { key: order.customer })
    yield revenue
  }
})

app.crontab('close-the-books', { at: '0 18 * * 1-5', timezone: 'Europe/Oslo' }, async () => {
  await reminders.send('close the books')
})
