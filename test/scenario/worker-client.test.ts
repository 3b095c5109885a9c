import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { App, unchecked, type Transport } from 'faust-ts'
import { testWorker } from 'faust-ts/testing'
import { logTo } from '../fixtures/log.js'
import { gate, turns } from '../fixtures/pacing.js'

describe('outside a worker', () => {
  test('the first send connects; what is sent meanwhile waits for that, in order', async () => {
    const { app, broker, numbers } = program('waiting')
    const placements = await Promise.all([1, 2, 3].map(n => numbers.send(n, { partition: 0 })))
    expect(placements.map(({ offset }) => offset)).toEqual([0, 1, 2])
    expect(broker.connections).toBe(1)
    await app[Symbol.asyncDispose]()
    expect(broker.connections).toBe(0)
  })

  test('nothing is connected before it is needed', async () => {
    const { app, broker } = program('idle')
    await turns(20)
    expect(broker.connections).toBe(0)
    await app[Symbol.asyncDispose]()
  })

  test('app.client() connects at once, and sends what is left when it is disposed of', async () => {
    const { app, broker, numbers } = program('leaving')
    const client = await app.client()
    expect(broker.connections).toBe(1)
    const sent = numbers.send(1)
    await client[Symbol.asyncDispose]()
    expect(await sent).toMatchObject({ offset: 0 })
    expect(broker.connections).toBe(0)
  })

  test('a client asks, and is in no group', async () => {
    const service = serviceNamed('service')
    const { app, broker } = program('asking', 'memory:service')
    const remote = app.remote<typeof service.doubling>('service-doubling')
    await using _running = await service.app.start()
    expect(await remote.ask(21)).toBe(42)
    expect(await remote.join([1, 2, 3])).toEqual([2, 4, 6])
    expect(broker.groups).toBe(0)
    await app[Symbol.asyncDispose]()
  })

  test('streams are not for reading there', async () => {
    const { app, numbers } = program('reading')
    await using _client = await app.client()
    expect(() => numbers.stream()[Symbol.asyncIterator]()).toThrow(
      /App "reading" is not running: streams can be read after app.start/,
    )
  })

  test('a send that fails is whose awaits it; else it is logged at once and disposing rejects with it, once', async () => {
    const { app, lines, numbers } = program('failing')
    await expect(numbers.send(1, { partition: 99 })).rejects.toMatchObject({ code: 'FAUST_SEND' })
    expect(lines).toEqual([])
    void numbers.send(1, { partition: 99 })
    void numbers.send(1, { partition: 98 })
    await turns(20)
    expect(lines.map(line => line.slice(0, 60))).toEqual(
      Array(2).fill('error A message that nobody awaits was not delivered: Cannot'),
    )
    await expect(app[Symbol.asyncDispose]()).rejects.toThrow(/Cannot send to partition 99 of "numbers": it has 8/)
    await app[Symbol.asyncDispose]()
  })

  test('a broker that cannot be reached is told to whoever awaits', async () => {
    const { app, broker, numbers } = program('alone')
    broker.isDown = true
    await expect(numbers.send(1)).rejects.toThrow(/Cannot send to "numbers": nobody is there/)
    await expect(app.client()).rejects.toThrow('nobody is there')
    broker.isDown = false
    expect(await numbers.send(1)).toMatchObject({ offset: 0 })
    await app[Symbol.asyncDispose]()
  })

  test('disposed of, it gives up what it asks; the next send connects anew', async () => {
    const { app, broker, numbers } = program('again')
    const nobody = app.remote<ReturnType<typeof serviceNamed>['doubling']>('nobody')
    const asked = nobody.ask(1)
    asked.catch(() => undefined)
    await turns(20)
    await app[Symbol.asyncDispose]()
    await expect(asked).rejects.toMatchObject({ code: 'FAUST_CLOSED' })
    await numbers.send(1)
    expect(broker.connections).toBe(1)
    await app[Symbol.asyncDispose]()
  })

  test('one that is gone when its answer comes does no harm to the worker', async () => {
    const service = serviceNamed('patient')
    const held = gate()
    service.holding.push(held.opened)
    const { app } = program('impatient', 'memory:patient')
    await using running = await service.app.start()
    const asked = app.remote<typeof service.doubling>('patient-doubling').ask(1)
    asked.catch(() => undefined)
    await turns(20)
    await app[Symbol.asyncDispose]()
    held.open()
    await turns(20)
    expect(await service.doubling.ask(4)).toBe(8)
    expect(await Promise.race([running.stopped.then(() => 'stopped'), turns(1).then(() => 'runs')])).toBe('runs')
  })
})

test('what was sent to a channel before the start is there for the first worker', async () => {
  const app = new App('early')
  const local = app.channel('local', { value: unchecked<number>() })
  const seen: number[] = []
  app.agent('reading', { topic: local }, async stream => {
    for await (const n of stream) seen.push(n)
  })
  await local.send(1)
  await using worker = await testWorker(app)
  await worker.send(local, 2)
  expect(seen).toEqual([1, 2])
})

describe('a process', () => {
  test.for([
    ['asks', 0, '42\n', /^$/],
    ['sends', 0, '3\n', /^$/],
    ['waits', 0, 'AskTimeoutError\n', /^$/],
    [
      'loses',
      0,
      'sent\n',
      /^\{"level":"error",[^\n]*A message that nobody awaits was not delivered: Cannot send to partition 99[^\n]*\}\n$/,
    ],
  ] as const)('that %s ends by itself', async ([name, code, output, errors]) => {
    const { process, outcome } = run(name)
    const [exitCode] = await once(process, 'close')
    expect(outcome).toEqual({ output, errors: expect.stringMatching(errors) })
    expect(exitCode).toBe(code)
  })

  test('that runs a worker stays', async () => {
    const { process, outcome } = run('stays')
    const left = once(process, 'close')
    await Promise.race([once(process.stdout, 'data'), left])
    process.kill('SIGTERM')
    const [, signal] = await left
    expect([outcome, signal]).toEqual([{ output: 'still here\n', errors: '' }, 'SIGTERM'])
  })
})

/** An app on a broker that knows who is connected. */
function program(name: string, url = `memory:${name}`) {
  const lines: string[] = []
  const broker = { connections: 0, groups: 0, isDown: false }
  const inner = new App('inner', { broker: url })
  const transport: Transport = {
    kind: 'counted',
    place: url,
    async connect() {
      if (broker.isDown) throw new Error('nobody is there')
      const connection = await inner.connect()
      broker.connections++
      return {
        admin: connection.admin,
        reader: options => connection.reader(options),
        producer: options => connection.producer(options),
        group: options => {
          broker.groups++
          return connection.group(options)
        },
        close: async () => {
          broker.connections--
          await connection.close()
        },
      }
    },
  }
  const app = new App(name, { broker: transport, logger: logTo(lines) })
  return { app, broker, lines, numbers: app.topic('numbers', { value: unchecked<number>() }) }
}

/** An app with an agent to ask; it waits for what it is given to hold. */
function serviceNamed(name: string) {
  const app = new App(name, { broker: `memory:${name}` })
  const holding: Promise<void>[] = []
  const doubling = app.agent('doubling', { value: unchecked<number>() }, async function* (stream) {
    for await (const n of stream) {
      await holding.shift()
      yield n * 2
    }
  })
  return { app, doubling, holding }
}

function run(name: string) {
  const program = fileURLToPath(new URL('../fixtures/client-program.ts', import.meta.url))
  const { NODE_OPTIONS: _options, ...env } = process.env
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=faust-ts:source', program, name], { env })
  const outcome = { output: '', errors: '' }
  child.stdout.on('data', chunk => (outcome.output += String(chunk)))
  child.stderr.on('data', chunk => (outcome.errors += String(chunk)))
  return { process: child, outcome }
}
