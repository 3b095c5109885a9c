import { expect, test } from 'vitest'
import { App, crash, unchecked } from 'faust-ts'
import { Cluster } from './cluster.js'

test('a worker that has stopped leaves no timer and watches nothing', async () => {
  const app = busyApp()
  const cluster = new Cluster(app.app)
  const [one, two] = [await cluster.start(), await cluster.start()]
  void app.orders.send(1)
  await cluster.until(app.doubling.ask(4))
  await cluster.pass(3000)
  expect(cluster.clock.timers.size).toBeGreaterThan(5)
  await cluster.until(one.running.stop())
  await cluster.until(two.running.stop())
  await cluster.until(app.app[Symbol.asyncDispose]())
  expect([...cluster.clock.timers]).toEqual([])
  expect(cluster.clock.probes).toBe(0)
})

test('nor does one that was killed, one that failed, or one that could not start', async () => {
  const app = busyApp()
  const cluster = new Cluster(app.app)
  const [killed, failed] = [await cluster.start(), await cluster.start()]
  await cluster.pass(1500)
  cluster.kill(killed)
  app.state.isBroken = true
  void app.bombs.send(1)
  await cluster.pass(40_000)
  await expect(failed.running.stopped).rejects.toThrow('broken')
  await expect(cluster.start()).rejects.toThrow('broken')
  await cluster.until(app.app[Symbol.asyncDispose]())
  expect([...cluster.clock.timers]).toEqual([])
  expect(cluster.clock.probes).toBe(0)
})

/** An app that has some of everything going on. */
function busyApp() {
  const app = new App('busy', { commitEvery: 10 })
  const state = { isBroken: false }
  const orders = app.topic('orders', { value: unchecked<number>() })
  const done = app.channel('done', { value: unchecked<number>() })
  app.agent('slow', { topic: orders }, async stream => {
    for await (const batch of stream.batch(10, { within: '1m' })) for (const each of batch) await done.send(each)
  })
  app.agent('counting', { topic: done }, async stream => {
    for await (const _ of stream.rateLimit(1, '1h'));
  })
  const doubling = app.agent('doubling', { value: unchecked<number>() }, async function* (stream) {
    for await (const each of stream) yield each * 2
  })
  app.timer('often', { every: '1s' }, () => undefined)
  app.timer('seldom', { every: '30d', onLeader: true }, () => undefined)
  app.crontab('nightly', { at: '0 2 * * *' }, () => undefined)
  app.task('waiting', {}, async signal => {
    if (state.isBroken) throw new Error('broken')
    await new Promise(resolve => signal.addEventListener('abort', resolve))
  })
  app.task('leading', { onLeader: true }, async signal => {
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    if (state.isBroken) throw new Error('broken')
  })
  const bombs = app.topic('bombs', { value: unchecked<number>() })
  app.agent('crashing', { topic: bombs, onError: crash() }, async stream => {
    for await (const _ of stream) throw new Error('broken')
  })
  return { app, orders, doubling, bombs, state }
}
