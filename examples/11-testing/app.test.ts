// With Node's own test runner; vitest and jest do as well.
// oxlint-disable typescript/no-floating-promises -- node:test waits for its tests by itself
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { testWorker } from 'faust-ts/testing'
import { app, booking, large, orders, reminders } from './app.js'

test('passes large orders on', async () => {
  await using worker = await testWorker(app)
  await worker.send(orders, { customer: 'alice', total: 20 }, { key: 'alice' })
  await worker.send(orders, { customer: 'bob', total: 1500 }, { key: 'bob' })
  assert.deepEqual(await worker.received(large), [{ customer: 'bob', total: 1500 }])
})

test('adds up what has been ordered', async () => {
  await using _worker = await testWorker(app)
  assert.equal(await booking.ask({ customer: 'alice', total: 20 }), 20)
  assert.equal(await booking.ask({ customer: 'bob', total: 5 }), 25)
})

test('goes on after an order that it cannot book, with a fresh sum', async () => {
  await using _worker = await testWorker(app)
  await booking.ask({ customer: 'alice', total: 20 })
  await assert.rejects(booking.ask({ customer: 'carol', total: -1 }), /an order of -1/)
  assert.equal(await booking.ask({ customer: 'carol', total: 7 }), 7)
})

test('reminds of the books at six in the evening, but not on a Saturday', async () => {
  for (const [day, expected] of [
    ['2025-01-03', ['close the books']],
    ['2025-01-04', []],
  ] as const) {
    await using worker = await testWorker(app, { start: new Date(`${day}T17:59:00+01:00`) })
    await worker.advance('2m')
    assert.deepEqual(await worker.received(reminders), expected)
  }
})

test('works the same with three workers', async () => {
  await using worker = await testWorker(app, { workers: 3 })
  const ordered = Array.from({ length: 100 }, (_, n) => ({ customer: `customer ${n % 7}`, total: n * 100 }))
  await booking.kvjoin(ordered.map(order => [order.customer, order] as const))
  assert.equal((await worker.received(large)).length, 90)
})
