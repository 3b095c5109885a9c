import { describe, expect, test } from 'vitest'
import { App, unchecked } from 'faust-ts'
import { logTo } from '../fixtures/log.js'
import { gate, turns, until } from '../fixtures/pacing.js'

describe('start', () => {
  test('runs every body up to its first request, creates what is missing, joins the group once', async () => {
    const lines: string[] = []
    const app = new App('starting', { broker: 'memory:starting', logger: logTo(lines) })
    const steps: string[] = []
    const orders = app.topic('orders', { value: unchecked<number>(), partitions: 3 })
    app.topic('results', { value: unchecked<number>(), partitions: 5 })
    app.agent('counting', { topic: orders }, async stream => {
      steps.push('agent')
      for await (const _ of stream);
    })
    app.task('reading', {}, async () => {
      steps.push('task')
      for await (const _ of app.topic('users', { value: unchecked<number>() }).stream());
    })
    await using _running = await app.start()
    expect(steps).toEqual(['agent', 'task'])
    const connection = await app.connect()
    const topics = await connection.admin.topics()
    await connection.close()
    expect(topics.map(({ name, partitions }) => `${name} ${partitions}`)).toEqual(['orders 3', 'results 5', 'users 8'])
    expect(lines.filter(line => line.includes('rebalanced'))).toEqual([
      'info rebalanced: partitions orders[0,1,2] users[0,1,2,3,4,5,6,7]',
    ])
  })

  test('a body that waits for something else first does not hold up the group, even for an agent of its own app', async () => {
    const lines: string[] = []
    const app = new App('asking', { broker: 'memory:asking', logger: logTo(lines) })
    const doubling = app.agent('doubling', { value: unchecked<number>() }, async function* (stream) {
      for await (const n of stream) yield n * 2
    })
    let answer = 0
    app.task('asking', {}, async () => {
      answer = await doubling.ask(4)
    })
    const late = app.agent('late', { value: unchecked<number>() }, async function* (stream) {
      const four = await doubling.ask(2)
      for await (const n of stream) yield n + four
    })
    await using _running = await app.start()
    expect(await late.ask(1)).toBe(5)
    await until(() => answer === 8)
  })

  test('what appears later joins again, and what it reads is created', async () => {
    const app = new App('late', { broker: 'memory:late' })
    const seen: number[] = []
    const later = gate()
    app.task('late', {}, async () => {
      await later.opened
      for await (const n of app.topic('others', { value: unchecked<number>() }).stream()) seen.push(n)
    })
    await using _running = await app.start()
    later.open()
    void app.topic('others', { value: unchecked<number>() }).send(7)
    await until(() => seen.length > 0)
    expect(seen).toEqual([7])
  })

  test('whenever a body gets round to it: before, during and after the group is joined', async () => {
    for (let wait = 0; wait < 30; wait++) {
      const app = new App(`round-${wait}`, { broker: `memory:round-${wait}` })
      const seen: number[] = []
      app.agent('other', { value: unchecked<number>() }, async stream => {
        for await (const _ of stream);
      })
      const orders = app.topic('orders', { value: unchecked<number>() })
      app.task('late', {}, async () => {
        await turns(wait)
        for await (const n of orders.stream()) seen.push(n)
      })
      await using _running = await app.start()
      void orders.send(wait)
      await until(() => seen.length > 0, `what a body reads that begins after ${wait} turns`)
    }
  })

  test('a second start is refused while one runs or starts; the first goes on', async () => {
    const app = new App('twice', { broker: 'memory:twice' })
    const doubling = app.agent('doubling', { value: unchecked<number>() }, async function* (stream) {
      for await (const n of stream) yield n * 2
    })
    const starts = await Promise.allSettled([app.start(), app.start()])
    expect(starts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await expect(app.start()).rejects.toMatchObject({
      code: 'FAUST_DECLARATION',
      message: expect.stringContaining('already running'),
    })
    expect(await doubling.ask(2)).toBe(4)
    await app[Symbol.asyncDispose]()
  })

  test('after a stop it starts again in the same process, with everything in its place', async () => {
    const app = new App('again', { broker: 'memory:again' })
    const doubling = app.agent('doubling', { value: unchecked<number>() }, async function* (stream) {
      for await (const n of stream) yield n * 2
    })
    for (const n of [1, 2, 3]) {
      await using _running = await app.start()
      expect(await doubling.ask(n)).toBe(2 * n)
    }
  })

  test('when it cannot start it says why, leaves nothing behind, and may be started again', async () => {
    const app = new App('failing', { broker: 'memory:failing', logger: logTo([]) })
    let isBroken = true
    app.task('checking', {}, async () => {
      if (isBroken) throw new RangeError('no license')
    })
    await expect(app.start()).rejects.toThrow('no license')
    expect(app.describe().agents).toEqual([])
    isBroken = false
    await using _running = await app.start()
  })

  test('without a broker it says that there is none', async () => {
    const refused = { kind: 'none', place: 'nowhere:', connect: () => Promise.reject(new RangeError('nobody there')) }
    const app = new App('nowhere', { broker: refused, logger: logTo([]) })
    await expect(app.start()).rejects.toThrow('nobody there')
  })

  test('disposed of while it starts, it comes to an end', async () => {
    const app = new App('hasty', { broker: 'memory:hasty', logger: logTo([]) })
    let runs = 0
    app.task('counting', {}, async () => void runs++)
    const starting = app.start()
    const disposed = app[Symbol.asyncDispose]()
    await expect(starting).rejects.toMatchObject({ code: 'FAUST_CLOSED' })
    await disposed
    expect(runs).toBe(0)
    await using _running = await app.start()
    expect(runs).toBe(1)
  })
})

describe('the end', () => {
  test('a stop resolves when all is done, however often it is asked for', async () => {
    const app = new App('stopping', { broker: 'memory:stopping' })
    const running = await app.start()
    let isStopped = false
    void running.stopped.then(() => (isStopped = true))
    await Promise.all([running.stop(), running.stop()])
    expect(isStopped).toBe(true)
    await running.stop()
    await running.stopped
    await running[Symbol.asyncDispose]()
  })

  test('a task that fails stops the worker, and `stopped` rejects with what it threw', async () => {
    const app = new App('doomed', { broker: 'memory:doomed', logger: logTo([]) })
    const go = gate()
    app.task('failing', {}, async () => {
      await go.opened
      throw new RangeError('out of paper')
    })
    const running = await app.start()
    go.open()
    await expect(running.stopped).rejects.toThrow('out of paper')
    await running.stop()
  })

  test('nobody has to look: a worker that fails is no unhandled rejection', async () => {
    const app = new App('unseen', { broker: 'memory:unseen', logger: logTo([]) })
    const go = gate()
    app.task('failing', {}, async () => {
      await go.opened
      throw new RangeError('out of paper')
    })
    await using _running = await app.start()
    go.open()
    await turns(20)
  })

  test('tasks hear of it through their signal', async () => {
    const app = new App('signalled', { broker: 'memory:signalled' })
    let isOver = false
    app.task('waiting', {}, async signal => {
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      await turns(5)
      isOver = true
    })
    const running = await app.start()
    await running.stop()
    expect(isOver).toBe(true)
  })
})

describe('streams in a plain program', () => {
  test('before the start they throw; while it runs they read; when it stops they end', async () => {
    const app = new App('plain', { broker: 'memory:plain' })
    const orders = app.topic('orders', { value: unchecked<number>(), partitions: 1 })
    const seen: number[] = []
    const read = async (): Promise<void> => {
      for await (const n of orders.stream()) seen.push(n)
    }
    await expect(read()).rejects.toMatchObject({ code: 'FAUST_NOT_STARTED' })
    const running = await app.start()
    const reading = read()
    for (const n of [1, 2, 3]) await orders.send(n)
    await turns(10)
    await running.stop()
    await reading
    expect(seen).toEqual([1, 2, 3])
  })

  test('what they have read is committed; one stream serves again after the next start', async () => {
    const app = new App('serving', { broker: 'memory:serving' })
    await using _client = await app.client()
    const orders = app.topic('orders', { value: unchecked<number>(), partitions: 1 })
    const stream = orders.stream()
    const seen: number[][] = []
    for (const round of [0, 1]) {
      const running = await app.start()
      const here: number[] = []
      seen.push(here)
      const reading = (async () => {
        for await (const n of stream) here.push(n)
      })()
      await orders.send(10 * round)
      await orders.send(10 * round + 1)
      await until(() => here.length === 2)
      await running.stop()
      await reading
    }
    expect(seen).toEqual([
      [0, 1],
      [10, 11],
    ])
  })

  test('its signal fires when the worker stops', async () => {
    const app = new App('watching', { broker: 'memory:watching' })
    const running = await app.start()
    const { signal } = app.topic('orders', { value: unchecked<number>() }).stream()
    expect(signal.aborted).toBe(false)
    await running.stop()
    expect(signal.aborted).toBe(true)
  })
})
