import { afterEach, describe, expect, test } from 'vitest'
import { App, unchecked, type Running } from 'faust-ts'
import { testWorker, virtualClock } from 'faust-ts/testing'
import { logTo } from '../fixtures/log.js'
import { turns } from '../fixtures/pacing.js'

describe('in one worker', () => {
  test('a timer ticks first after one interval, and sends like anybody else', async () => {
    const app = new App('beating')
    const beats = app.topic('beats', { value: unchecked<number>() })
    let count = 0
    app.timer('beat', { every: '10s' }, () => void beats.send(++count))
    await using worker = await testWorker(app)
    await worker.advance('9s')
    expect(await worker.received(beats)).toEqual([])
    await worker.advance('21s')
    expect(await worker.received(beats)).toEqual([1, 2, 3])
  })

  test('a crontab ticks by the calendar of its zone, through summer time', async () => {
    const app = new App('nightly')
    const ticks: string[] = []
    const note = (name: string) => () => void ticks.push(name)
    app.crontab('nightly', { at: '30 2 * * *', timezone: 'Europe/Oslo' }, note('oslo'))
    app.crontab('weekly', { at: '0 0 * * 1' }, note('monday'))
    // 2025-03-30 is a Sunday; in Oslo 02:30 is left out.
    await using worker = await testWorker(app, { start: new Date('2025-03-30T00:00:00Z') })
    await worker.advance('30m')
    expect(ticks).toEqual([])
    await worker.advance('30m')
    expect(ticks).toEqual(['oslo'])
    await worker.advance('23h')
    expect(ticks).toEqual(['oslo', 'monday'])
    await worker.advance('30m')
    expect(ticks).toEqual(['oslo', 'monday', 'oslo'])
  })

  test('a task runs once, for as long as it likes; it may read streams', async () => {
    const app = new App('reading')
    const orders = app.topic('orders', { value: unchecked<number>() })
    const seen: number[] = []
    let runs = 0
    app.task('reading', {}, async () => {
      runs++
      for await (const n of orders.stream()) seen.push(n)
    })
    await using worker = await testWorker(app)
    await worker.send(orders, 1)
    await worker.send(orders, 2)
    await worker.advance('1h')
    expect([runs, seen]).toEqual([1, [1, 2]])
  })

  test('what cannot be a timer is refused where it is declared', () => {
    const app = new App('refusing')
    const run = (): void => undefined
    expect(() => app.timer('never', { every: 0 }, run)).toThrow(/timer "never": every must be at least 1 ms/)
    expect(() => app.crontab('odd', { at: 'noon' }, run)).toThrow(/Crontab "odd": cannot read at: 'noon'/)
    app.timer('twice', { every: '1s' }, run)
    expect(() => app.crontab('twice', { at: '* * * * *' }, run)).toThrow(/There is a timer "twice" already/)
  })
})

describe('on the leader', () => {
  let app: App
  const workers: Running[] = []

  afterEach(async () => {
    workers.length = 0
    await app[Symbol.asyncDispose]()
  })

  test('exactly one of three workers ticks, and runs the task; when it stops another one does', async () => {
    const scene = await threeWorkers()
    await scene.pass(3050)
    expect(scene.ticks).toBe(3)
    expect(scene.terms).toEqual(['begins'])
    await scene.stop(scene.leader)
    expect(scene.terms.slice(0, 2)).toEqual(['begins', 'ends'])
    await scene.pass(3000)
    expect(scene.ticks).toBe(6)
    expect(scene.terms).toEqual(['begins', 'ends', 'begins'])
  })

  test('it stays when others go', async () => {
    const scene = await threeWorkers()
    for (const other of workers.filter((_, at) => at !== scene.leader)) {
      await scene.pass(2050)
      await other.stop()
    }
    await scene.pass(2050)
    expect(scene.terms).toEqual(['begins'])
    expect(scene.ticks).toBe(6)
  })

  /** Workers that note who leads; the timer ticks every second. */
  async function threeWorkers() {
    const clock = virtualClock()
    const lines: string[] = []
    app = new App('led', { broker: 'memory:led', logger: logTo(lines) })
    app.override({ clock, isSimulated: true })
    const scene = { ticks: 0, terms: [] as string[], leader: 0, pass, stop }
    app.timer('often', { every: '1s', onLeader: true }, () => void scene.ticks++)
    app.task('leading', { onLeader: true }, async signal => {
      scene.terms.push('begins')
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      scene.terms.push('ends')
    })
    app.agent('idle', { value: unchecked<number>() }, async stream => {
      for await (const _ of stream);
    })
    for (let count = 0; count < 3; count++) workers.push(await app.start())
    await turns(20)
    return scene

    async function pass(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= 50) {
        clock.skip(50)
        await turns(4)
      }
    }

    async function stop(at: number): Promise<void> {
      await workers.splice(at, 1)[0]?.stop()
      await turns(20)
    }
  }
})
