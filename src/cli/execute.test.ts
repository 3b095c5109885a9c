import { expect, test } from 'vitest'
import { z } from 'zod'
import { App, argument, deadLetter, flag, option, pythonFaust } from '../index.js'
import type { Connection } from '../transport/transport.js'
import { execute } from './execute.js'
import type { AnyAgent } from './send-command.js'

/** An app with a bit of everything, on a broker of its own. */
function newApp(name: string): App {
  const app = new App('shop', { broker: `memory:${name}`, partitions: 2 })
  const orders = app.topic('orders', { value: z.object({ id: z.number() }), codec: pythonFaust('shop.Order'), partitions: 3 })
  app
    .agent('ordering', { topic: orders, onError: deadLetter() }, async function* (stream) {
      for await (const { id } of stream) {
        if (id === 13) throw new RangeError('unlucky')
        yield id * 2
      }
    })
    .to(app.topic('doubled', { value: z.number() }))
  app.agent('local', { topic: app.channel('alerts', { value: z.string() }) }, async stream => {
    for await (const _alert of stream);
  })
  app.topic(/^imported-/)
  return app
}

interface Outcome {
  readonly code: number
  readonly printed: string
  readonly noted: string
}

function closing(connection: Connection): Connection & AsyncDisposable {
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() })
}

async function call(app: App | undefined, ...argv: string[]): Promise<Outcome> {
  const printed: string[] = []
  const noted: string[] = []
  const terminal = {
    print: (text: string) => printed.push(text),
    note: (text: string) => noted.push(text),
    isInteractive: false,
    width: 80,
    canAsk: false,
    confirm: () => Promise.resolve(false),
  }
  const code = await execute(argv, { terminal, ...(app === undefined ? {} : { app }) })
  return { code, printed: printed.join('\n'), noted: noted.join('\n') }
}

test('lists agents as a table, and as JSON', async () => {
  const app = newApp('agents')
  expect((await call(app, 'agents')).printed).toBe(
    [
      'name      topic             concurrency  on error     supervisor   sinks',
      'ordering  orders                      1  dead-letter  one-for-one  doubled',
      'local     alerts (channel)            1  skip         one-for-one  -',
    ].join('\n'),
  )
  const [first] = JSON.parse((await call(app, '--json', 'agents')).printed) as object[]
  expect(first).toEqual({
    name: 'ordering',
    source: 'orders',
    isChannel: false,
    concurrency: 1,
    isolatedPartitions: false,
    onError: 'dead-letter',
    supervisor: 'one-for-one',
    sinks: ['doubled'],
  })
})

test('lists topics: what is declared, and what the broker has', async () => {
  const app = newApp('topics')
  await using connection = closing(await app.connect())
  await connection.admin.createTopics([{ name: 'imported-de', partitions: 1 }])
  await app.remote('orders').cast({ id: 1 }, { partition: 2 })
  const { printed } = await call(app, 'topics')
  expect(printed.split('\n')).toEqual([
    'topic        declared  on the broker  messages  lag  end offsets',
    'doubled      2         -              -         -    -',
    'imported-de  -         1              0         -    0',
    'orders       3         3              1         -    0 0 1',
  ])
  for (const [offset, lag] of [
    [0, 1],
    [1, 0],
  ] as const) {
    await connection.admin.resetGroup('shop', [{ topic: 'orders', partition: 2, offset }])
    expect(JSON.parse((await call(app, 'topics', '--json')).printed)).toMatchObject([{ lag: null }, { lag: null }, { lag }])
  }
  await app[Symbol.asyncDispose]()
})

test('lists also how topics are other than declared, where any is', async () => {
  const app = newApp('differing')
  await using connection = closing(await app.connect())
  await connection.admin.createTopics([
    { name: 'orders', partitions: 2 },
    { name: 'doubled', partitions: 5 },
  ])
  expect((await call(app, 'topics')).printed.split('\n')).toEqual([
    'topic    declared  on the broker  messages  lag  end offsets  not as declared',
    'doubled         2              5         0  -    0 0 0 0 0    -',
    'orders          3              2         0  -    0 0          partitions 2 (declared: 3)',
  ])
  await app[Symbol.asyncDispose]()
})

test('sends with the codec of the topic and to the partition asked for', async () => {
  const app = newApp('send')
  expect(await call(app, 'send', 'orders', '{"id":7}', '--partition', '2')).toMatchObject({
    code: 0,
    printed: '{"topic":"orders","partition":2,"offset":0}',
  })
  expect((await call(app, 'send', '@ordering', '{"id":7}', '--key', 'k')).code).toBe(0)
  expect((await call(app, 'send', '@orderin', '1')).noted).toBe('error: "shop" has no agent "orderin". Did you mean "ordering"?')
  expect((await call(app, 'send', '@local', '"x"')).noted).toMatch(/reads the channel "alerts"/)
  expect((await call(app, 'send', 'ordering', '1')).noted).toMatch(
    /declares no topic "ordering".*The agent of that name is @ordering/,
  )
  expect(await call(app, 'send', 'orders', '{id:7}')).toMatchObject({ code: 2, printed: '' })
  expect((await call(app, 'send', 'orders', '1', '--partition', '9')).code).toBe(1)
})

test('asks an agent', async () => {
  const app = newApp('ask')
  expect(await call(app, 'ask', 'ordering', '{"id":21}')).toMatchObject({ code: 0, printed: '42', noted: '' })
  expect(await call(app, 'ask', '@ordering', '{"id":13}', '--timeout', '5s')).toMatchObject({
    code: 1,
    printed: '',
    noted: 'error: ReplyError: Agent "orders" failed on the request: RangeError: unlucky',
  })
  expect((await call(app, 'ask', 'ordering', '1', '--timeout', 'soon')).code).toBe(2)
})

test('dead letters are listed, shown and sent again as they were', async () => {
  const app = newApp('letters')
  await using running = await app.start()
  await using _connection = closing(await app.connect())
  const failed = app.remote<AnyAgent>('orders').ask({ id: 13 }, { key: 'k', partition: 1, headers: { trace: 'abc' } })
  await expect(failed).rejects.toThrow('unlucky')
  await running.stop()

  const [letter] = JSON.parse((await call(app, 'dead-letters', '--json')).printed) as [Record<string, unknown>]
  const original = { topic: 'orders', partition: 1, offset: 0 }
  expect(letter).toMatchObject({ topic: 'orders-dead-letters', partition: 1, offset: 0, original, agent: 'ordering', key: 'k' })
  expect(letter).toMatchObject({ error: { name: 'RangeError', message: 'unlucky' }, headers: { trace: 'abc' } })
  expect((await call(app, 'dead-letters', 'list', 'orders')).printed).toMatch(
    /^orders-dead-letters +1 +0 +\S+Z +orders\[1\]@0 +ordering +RangeError: unlucky$/m,
  )
  expect((await call(app, 'dead-letters', 'show', 'orders', '1', '0')).printed).toMatch(/^value +\{"id":13,"__faust":/m)

  expect(JSON.parse((await call(app, 'dead-letters', 'send-again', 'orders[1]@0')).printed)).toEqual({ ...original, offset: 1 })
  const { printed } = await call(app, 'topics', '--json')
  expect((JSON.parse(printed) as { topic: string }[]).find(({ topic }) => topic === 'orders')).toMatchObject({ ends: [0, 2, 0] })

  expect((await call(app, 'dead-letters', 'show', 'orders', '1', '9')).noted).toBe(
    'error: There is no message orders-dead-letters[1]@9.',
  )
  expect((await call(app, 'dead-letters', 'list', 'order')).noted).toMatch(/no topic "order-dead-letters"/)
  expect((await call(app, 'dead-letters', 'show', 'orders')).code).toBe(2)
})

test('runs the commands of the app', async () => {
  const app = newApp('own')
  const got: unknown[] = []
  const count = z.coerce.number()
  app.command(
    'take-stock',
    {
      arguments: { a: argument(count), b: argument(z.string()) },
      options: {
        dryRun: flag('only look'),
        noColour: flag(),
        json: flag(),
        step_size: option(count.default(5)),
        unit: option(z.string().optional()),
      },
    },
    input => got.push(input),
  )
  await call(app, 'take_stock', '-3', '')
  await call(app, 'take-stock', '4', 'b', '--dry-run', '--no-colour', '--step-size=7', '--json', '-l', 'error')
  await call(app, 'take-stock', '4', '--no-dry-run', '--unit', 'kg', '--', '--c')
  expect(got).toEqual([
    { a: -3, b: '', dryRun: false, noColour: false, json: false, step_size: 5, unit: undefined },
    { a: 4, b: 'b', dryRun: true, noColour: true, json: true, step_size: 7, unit: undefined },
    { a: 4, b: '--c', dryRun: false, noColour: false, json: false, step_size: 5, unit: 'kg' },
  ])
  expect(await call(app, 'take-stock', 'many', 'b')).toMatchObject({
    code: 2,
    noted: 'error: "many" is no a: expected number, got NaN',
  })
  expect(await call(app, 'take-stock', '1')).toMatchObject({ code: 2, noted: "error: missing required argument 'b'" })
  expect(await call(app, 'take-stok', '1')).toMatchObject({
    code: 2,
    noted: "error: unknown command 'take-stok' (Did you mean take-stock?)",
  })
  expect((await call(app, 'take-stock', '1', 'b', '--dry-ran')).noted).toMatch(/Did you mean --dry-run\?/)
  expect((await call(app, '--help')).printed).toMatch(/Commands of shop:\n +take-stock <a> <b>/)
})

test('what a command throws is said in one line, with its stack when asked for', async () => {
  const app = newApp('throws')
  app.command('fail', {}, () => {
    throw new TypeError('no shop')
  })
  expect(await call(app, 'fail')).toEqual({ code: 1, printed: '', noted: 'error: TypeError: no shop\n(--debug shows where)' })
  expect((await call(app, 'fail', '--debug')).noted).toMatch(/execute\.test\.ts/)
})

test('several processes need a broker that they share', async () => {
  const app = newApp('processes')
  expect(await call(app, 'worker', '--processes', '4')).toMatchObject({
    code: 2,
    noted: expect.stringMatching(
      /^error: --processes 4: on "memory:processes" each process would have a broker of its own\. Name/,
    ),
  })
  for (const count of ['0', '-1', '1.5', 'many']) {
    const { code, noted } = await call(app, 'worker', '--processes', count)
    expect([code, noted]).toEqual([2, expect.stringContaining('It must be a whole number above 0')])
  }
})

test('refuses names that are its own', async () => {
  const app = newApp('names')
  app.command('topics', {}, () => undefined)
  expect(await call(app, 'agents')).toMatchObject({
    code: 1,
    noted: expect.stringContaining('"topics" has the name of one of faust\'s own'),
  })
  const other = newApp('names')
  other.command('mine', { options: { broker: flag() } }, () => undefined)
  expect((await call(other, 'agents')).noted).toMatch(/option "broker" of the app's command "mine"/)
})

test('without an app it says what is missing', async () => {
  expect(await call(undefined)).toMatchObject({ code: 2, noted: expect.stringContaining('Usage: faust') })
  expect(await call(undefined, '--help')).toMatchObject({ code: 0, printed: expect.stringContaining('worker') })
  expect(await call(undefined, '--version')).toMatchObject({ code: 0, printed: expect.stringMatching(/^\d+\.\d+\.\d+$/) })
  expect(await call(undefined, 'worker')).toMatchObject({
    code: 2,
    noted: 'error: "worker" needs an app: faust -A <module[:export]> worker',
  })
  expect((await call(undefined, 'send-value', '4')).noted).toMatch(/commands of an app need the app: faust -A/)
  expect((await call(undefined, 'wroker')).noted).toMatch(/Did you mean worker\?/)
  expect((await call(undefined, 'agents', '-l', 'loud')).code).toBe(2)
  expect((await call(newApp('web'), 'worker', '--web-port', '80')).noted).toMatch(/the dashboard is not in this version/)
})
