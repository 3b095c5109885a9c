import { afterEach, describe, expect, test } from 'vitest'
import { App, unchecked, type AppOptions } from 'faust-ts'
import { virtualClock } from 'faust-ts/testing'
import { committed } from '../fixtures/broker-view.js'
import { logTo } from '../fixtures/log.js'
import { gate, turns, until } from '../fixtures/pacing.js'

const scenes: Scene[] = []

afterEach(async () => {
  for (const { app } of scenes.splice(0)) await app[Symbol.asyncDispose]()
})

describe('a graceful stop', () => {
  test('drains, commits and leaves: another worker has the partitions at once, and nothing twice', async () => {
    const { app, orders, seen } = new Scene('leaving', { isSimulated: true })
    const [one, _two] = [await app.start(), await app.start()]
    for (let n = 0; n < 40; n++) void orders.send(n)
    await until(() => seen.length === 40)
    await one.stop()
    for (let n = 40; n < 80; n++) void orders.send(n)
    // No time has passed: no session had to run out.
    await until(() => seen.length === 80)
    await turns(20)
    expect(new Set(seen).size).toBe(80)
  })

  test('finishes what is in hand and commits it; what was not begun is left to the next worker', async () => {
    const { app, orders, seen, hold } = new Scene('finishing')
    const held = hold()
    const running = await app.start()
    for (let n = 0; n < 5; n++) await orders.send(n, { partition: 0 })
    await until(() => seen.length === 1)
    const stopped = running.stop()
    await turns(20)
    held.open()
    await stopped
    expect(seen).toEqual([0])
    expect(await committed(app, 'orders')).toEqual({ 0: 1 })
    await app.start()
    await until(() => seen.length === 5)
    expect(seen).toEqual([0, 1, 2, 3, 4])
  })

  test('loses nothing that arrives while it waits for what is in hand', async () => {
    const { app, orders, seen, hold } = new Scene('arriving')
    const held = hold()
    const running = await app.start()
    await orders.send(0, { partition: 0 })
    await until(() => seen.length === 1)
    const stopped = running.stop()
    await turns(5)
    // To the partition in hand and to one that has nothing to wait for.
    for (const partition of [0, 1]) await orders.send(10 + partition, { partition })
    await turns(20)
    held.open()
    await stopped
    await app.start()
    await until(() => seen.length === 3)
    expect(seen.toSorted((one, two) => one - two)).toEqual([0, 10, 11])
  })

  test('sends what its actors have sent before it closes', async () => {
    const { app, orders } = new Scene('sending')
    const results = app.topic('results', { value: unchecked<number>(), partitions: 1 })
    app.agent('passing', { topic: orders }, async stream => {
      for await (const n of stream) void results.send(n)
    })
    const running = await app.start()
    for (let n = 0; n < 100; n++) void orders.send(n)
    await turns(3)
    await running.stop()
    const connection = await app.connect()
    const [results0] = await connection.admin.endOffsets([{ topic: 'results', partition: 0 }], 'read-uncommitted')
    await connection.close()
    const done = Object.values(await committed(app, 'orders')).reduce((sum, each) => sum + each, 0)
    expect(done).toBeGreaterThan(0)
    expect(results0?.offset).toBeGreaterThanOrEqual(done)
  })
})

describe('somebody who does not let go', () => {
  test('an agent: the stop ends after drainTimeout and names agent, topic, partition and offset; nothing of it is committed', async () => {
    const { app, orders, seen, hold, lines, pass } = new Scene('stuck', { drainTimeout: '5s' })
    hold()
    const running = await app.start()
    await orders.send(7, { partition: 2 })
    await until(() => seen.length === 1)
    let isStopped = false
    const stopped = running.stop().then(() => (isStopped = true))
    await pass(4900)
    expect(isStopped).toBe(false)
    await pass(200)
    await stopped
    expect(lines.filter(line => line.includes('Gave up'))).toEqual([
      'warn Gave up waiting after 5s: agent "counting" did not end; the worker stops without',
      'warn Gave up waiting after 5s: agent "counting" still works on "orders"[2]@0; it is processed again elsewhere',
    ])
    expect(await committed(app, 'orders')).toEqual({ 2: 0 })
    await app.start()
    await until(() => seen.length === 2)
    expect(seen).toEqual([7, 7])
  })

  test.for([
    ['task "endless"', (app: App): void => app.task('endless', {}, () => new Promise(() => undefined))],
    ['task "endless"', (app: App): void => app.task('endless', { onLeader: true }, () => new Promise(() => undefined))],
    ['timer "endless"', (app: App): void => app.timer('endless', { every: '1s' }, () => new Promise(() => undefined))],
    ['timer "endless"', (app: App): void => app.crontab('endless', { at: '* * * * * *' }, () => new Promise(() => undefined))],
    [
      'agent "endless"',
      (app: App): void => {
        const channel = app.channel('local', { value: unchecked<number>() })
        void channel.send(1)
        app.agent('endless', { topic: channel }, async stream => {
          for await (const _ of stream) await new Promise(() => undefined)
        })
      },
    ],
  ] as const)('%s too', async ([name, declare]) => {
    const { app, lines, pass } = new Scene('endless', { drainTimeout: '2s' })
    declare(app)
    const running = await app.start()
    await pass(1500)
    const stopped = running.stop()
    await pass(2100)
    await stopped
    expect(lines.filter(line => line.includes('Gave up'))).toEqual([
      `warn Gave up waiting after 2s: ${name} did not end; the worker stops without`,
    ])
  })

  test('a stream of a plain program, named as such; one that was left by break holds nothing up', async () => {
    const { app, lines, pass } = new Scene('plain', { drainTimeout: '2s' })
    const others = app.topic('others', { value: unchecked<number>(), partitions: 1 })
    const running = await app.start()
    const seen: number[] = []
    const reading = (async () => {
      for await (const n of others.stream()) {
        seen.push(n)
        await new Promise(() => undefined)
      }
    })()
    const left = (async () => {
      for await (const n of others.stream()) {
        seen.push(n)
        break
      }
    })()
    await turns(5)
    await others.send(1)
    await until(() => seen.length === 2)
    const stopped = running.stop()
    await pass(2100)
    await Promise.all([stopped, left])
    expect(lines.filter(line => line.includes('Gave up'))).toEqual([
      'warn Gave up waiting after 2s: a stream outside any agent still works on "others"[0]@0; it is processed again elsewhere',
    ])
    void reading
  })
})

describe('somebody who waits for an answer', () => {
  test.for([0, 1500])(
    'of an agent that has ended too breaks off, asking %d ms after the stop: its event comes again',
    async waitMs => {
      const { app, pass, lines } = new Scene(`asking-${waitMs}`)
      const later = gate()
      const steps: string[] = []
      const answering = app.agent('answering', { value: unchecked<number>() }, async function* (stream) {
        for await (const n of stream) yield n * 2
      })
      const asking = app.agent('asking', { value: unchecked<number>() }, async stream => {
        for await (const n of stream) {
          steps.push(`begins ${n}`)
          await later.opened
          steps.push(`answer ${await answering.ask(n)}`)
        }
      })
      const running = await app.start()
      await asking.cast(21)
      await until(() => steps.length === 1)
      const stopped = running.stop()
      await pass(waitMs)
      later.open()
      await pass(1100)
      await stopped
      expect(lines.filter(line => !line.startsWith('info') && !line.startsWith('debug'))).toEqual([])
      await app.start()
      await until(() => steps.length === 3)
      expect(steps).toEqual(['begins 21', 'begins 21', 'answer 42'])
    },
  )

  test('that is on its way gets it, and its event is done', async () => {
    const { app } = new Scene('answered')
    const [held, steps] = [gate(), [] as string[]]
    const answering = app.agent('answering', { value: unchecked<number>() }, async function* (stream) {
      for await (const n of stream) {
        steps.push(`asked ${n}`)
        await held.opened
        yield n * 2
      }
    })
    const asking = app.agent('asking', { value: unchecked<number>() }, async stream => {
      for await (const n of stream) steps.push(`answer ${await answering.ask(n)}`)
    })
    const running = await app.start()
    const { partition } = (await asking.send(21)) as { partition: number }
    await until(() => steps.length === 1)
    const stopped = running.stop()
    await turns(5)
    held.open()
    await stopped
    expect(steps).toEqual(['asked 21', 'answer 42'])
    expect(await committed(app, 'answered-asking')).toEqual({ [partition]: 1 })
  })
})

describe('what ends before the worker does', () => {
  test('a task that has read enough keeps nobody else from reading on', async () => {
    const { app, orders, seen } = new Scene('enough')
    const firsts: number[] = []
    app.task('peeking', {}, async () => {
      for await (const n of orders.stream()) {
        firsts.push(n)
        return
      }
    })
    await app.start()
    for (let n = 0; n < 10_000; n++) void orders.send(n, { partition: 0 })
    await until(() => seen.length === 10_000)
    expect(firsts).toEqual([0])
  })

  test('a task that fails over an event does not hold up the stop that it causes', async () => {
    const { app } = new Scene('failing')
    const others = app.topic('others', { value: unchecked<number>(), partitions: 1 })
    app.task('reading', {}, async () => {
      for await (const n of others.stream()) throw new RangeError(`no ${n}`)
    })
    const running = await app.start()
    void others.send(13)
    await expect(running.stopped).rejects.toThrow('no 13')
    expect((await committed(app, 'others'))[0] ?? 0).toBe(0)
  })

  test('who runs on the leader hears of the stop', async () => {
    const { app, pass, lines } = new Scene('leading')
    const heard: string[] = []
    const wait = (name: string) => async (signal: AbortSignal) => {
      if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
      heard.push(name)
    }
    app.task('task', { onLeader: true }, wait('task'))
    app.timer('timer', { every: '1s', onLeader: true }, wait('timer'))
    const running = await app.start()
    await pass(1500)
    await running.stop()
    expect(heard.toSorted()).toEqual(['task', 'timer'])
    expect(lines.filter(line => line.includes('Gave up'))).toEqual([])
  })
})

/** An app with one agent that notes what it sees, and waits when it is told to. */
class Scene {
  readonly app: App
  readonly lines: string[] = []
  readonly seen: number[] = []
  readonly orders
  readonly #clock = virtualClock()
  #gate: { opened: Promise<void> } | null = null

  constructor(name: string, { isSimulated = false, ...options }: AppOptions & { isSimulated?: boolean } = {}) {
    this.app = new App(name, { broker: `memory:${name}`, logger: logTo(this.lines), ...options })
    this.app.override({ clock: this.#clock, isSimulated })
    // Keeps the broker from being forgotten between two starts.
    void this.app.connect()
    this.orders = this.app.topic('orders', { value: unchecked<number>(), partitions: 4 })
    this.app.agent('counting', { topic: this.orders }, async stream => {
      for await (const n of stream) {
        this.seen.push(n)
        const waiting = this.#gate
        this.#gate = null
        await waiting?.opened
      }
    })
    scenes.push(this)
  }

  /** The next event is held until the gate opens. */
  readonly hold = (): { open(): void } => {
    const held = gate()
    this.#gate = held
    return held
  }

  /** Lets time pass, whoever is at work. */
  readonly pass = async (ms: number): Promise<void> => {
    await turns(6)
    for (let left = ms; left > 0; left -= 100) {
      this.#clock.skip(Math.min(100, left))
      await turns(6)
    }
  }
}
