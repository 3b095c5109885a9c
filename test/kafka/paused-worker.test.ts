import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { App, unchecked } from 'faust-ts'
import { expect, inject, onTestFinished, test } from 'vitest'
import { silentLogger } from '../../src/lib/log.js'
import type { Connection } from '../../src/transport/transport.js'
import type { Passed } from './fixtures/passing-worker.js'
import { createTopic, eventually } from './steering.js'
import { Reading, Traffic } from './traffic.js'

const name = 'paused-worker'
const partitions = 4
const broker = `kafka://${inject('kafka')}`
const places = Array.from({ length: partitions }, (_, partition) => ({ topic: `${name}-in`, partition }))

/** A worker in a process of its own, and what it logs. */
class Worker {
  readonly child: ChildProcess
  log = ''

  constructor(by: string) {
    const program = fileURLToPath(new URL('fixtures/passing-worker.ts', import.meta.url))
    this.child = fork(program, [name, by], {
      execArgv: ['--conditions=faust-ts:source', '--import', import.meta.resolve('tsx')],
      env: { ...process.env, FAUST_BROKER: broker },
      silent: true,
    })
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', chunk => (this.log += chunk))
    onTestFinished(async () => {
      const gone = once(this.child, 'exit')
      this.child.kill('SIGKILL')
      await gone
    })
  }
}

/** Sends 0, 1, 2 … to every partition until it is told to stop. */
class Feed {
  sent = 0
  #isOver = false
  readonly #done = this.#send()

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#done
  }

  async #send(): Promise<void> {
    await using app = new App(`${name}-feed`, { broker, logger: silentLogger })
    const topic = app.topic(`${name}-in`, { value: unchecked<number>() })
    for (; !this.#isOver; this.sent++) {
      await Promise.all(places.map(({ partition }) => topic.send(this.sent, { partition })))
      await sleep(5)
    }
  }
}

/** What has come out, by the partition that it came from. */
async function watchOutputs(): Promise<() => Passed[][]> {
  const reader = (await Traffic.open(inject('kafka'))).reader()
  // One partition, so that what two workers do has an order.
  const reading = new Reading(reader, { topic: `${name}-out`, partition: 0 })
  return () => {
    const all = reading.values.map(value => JSON.parse(value) as Passed)
    return places.map(({ partition }) => all.filter(passed => passed.partition === partition))
  }
}

/** Every committed offset that anybody could see, by partition, in the order of looking. */
class CommitWatch {
  readonly seen: number[][] = places.map(() => [])
  readonly #timer: NodeJS.Timeout

  constructor({ admin }: Connection) {
    const look = async (): Promise<void> => {
      const offsets = await admin.groupOffsets(name).catch(() => [])
      for (const { partition, offset } of offsets) this.seen[partition]!.push(offset)
    }
    this.#timer = setInterval(() => void look(), 50)
    onTestFinished(() => clearInterval(this.#timer))
  }
}

test('a worker that stands still past its session: others take over, its late commits count for nothing, it works again', async () => {
  await createTopic(inject('kafka'), { name: `${name}-in`, partitions, config: { 'retention.ms': '-1' } })
  await createTopic(inject('kafka'), { name: `${name}-out`, config: { 'retention.ms': '-1' } })
  const outputs = await watchOutputs()
  const latestBy = (by: string): boolean[] => outputs().map(own => own.at(-1)?.by === by)
  const paused = new Worker('paused')
  new Worker('other')
  const feed = new Feed()
  await eventually('both at work', () =>
    Promise.resolve(['paused', 'other'].every(by => latestBy(by).filter(Boolean).length === 2)),
  )
  const client = new App(`${name}-watch`, { broker, logger: silentLogger })
  const connection = await client.connect()
  onTestFinished(() => connection.close())
  const commits = new CommitWatch(connection)

  paused.child.kill('SIGSTOP')
  await eventually('the other with everything', () => Promise.resolve(latestBy('other').every(Boolean)))
  await sleep(500)
  const logged = paused.log.length
  const before = feed.sent
  paused.child.kill('SIGCONT')
  const isNew = ({ by, n }: Passed): boolean => by === 'paused' && n > before
  await eventually('the paused one at work again', () => Promise.resolve(outputs().filter(own => own.some(isNew)).length === 2))
  await sleep(500)
  await feed.stop()
  await eventually('the end', () => Promise.resolve(outputs().every(own => own.some(({ n }) => n === feed.sent - 1))))
  await eventually('the last commits', async () =>
    (await connection.admin.groupOffsets(name)).every(({ offset }) => offset === feed.sent),
  )

  expect(paused.log.slice(logged)).toContain('The group went on without this worker')
  let duplicates = 0
  for (const own of outputs()) {
    const first = [...new Set(own.map(({ n }) => n))]
    expect(first).toEqual(Array.from({ length: feed.sent }, (_, n) => n))
    duplicates += own.length - first.length
  }
  console.log(JSON.stringify({ sent: partitions * feed.sent, duplicates }))
  // What the paused one had not committed, and what it had fetched and worked on before it heard that it was too late.
  expect(duplicates).toBeLessThan(1000)
  for (const seen of commits.seen) expect(seen).toEqual(seen.toSorted((left, right) => left - right))
})
