import { App, unchecked, type Topic } from 'faust-ts'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/lib/random.js'
import type { Admin } from '../../src/transport/transport.js'
import { Cluster, type Member } from './cluster.js'
import { workerAtHand } from './witness.js'

// A source topic that is deleted and created again under workers is another log: nothing of it is skipped, nothing of the old
// one is committed for it.

test('at once: the new log is read from its beginning, and nothing is committed for it that belongs to the old one', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  await cluster.start()
  await scene.send(range(0, 40))
  await cluster.pass(500)
  const admin = await scene.admin()
  await cluster.until(again(admin, 'numbers', 2))
  expect(await cluster.until(admin.groupOffsets('numbers-app'))).toEqual([])
  await scene.send(range(100, 106))
  await cluster.pass(5000)
  expect(scene.seenFrom(100)).toEqual(range(100, 106))
  expect(await scene.committed()).toEqual({ 'numbers[0]': 3, 'numbers[1]': 3 })
  expect(cluster.lines).toEqual([madeAgainLine, madeAgainLine])
})

test.for(['killed', 'stopped'] as const)('a worker that is %s right after makes the next one skip nothing', async how => {
  const scene = new Scene()
  await using cluster = scene.cluster
  const first = await cluster.start()
  await scene.send(range(0, 40))
  await cluster.pass(500)
  await cluster.until(again(await scene.admin(), 'numbers', 2))
  await scene.send(range(100, 106))
  if (how === 'killed') cluster.kill(first)
  else await cluster.until(first.running.stop())
  expect(Object.values(await scene.committed()).filter(offset => offset > 3)).toEqual([])
  await cluster.start()
  await cluster.pass(5000)
  expect([...new Set(scene.seenFrom(100))]).toEqual(range(100, 106))
})

test('away for long: said once by each worker, and the other topic goes on; once it is there, all read it, however many partitions', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  await cluster.start()
  await scene.send(range(0, 40))
  await cluster.pass(3000)
  const admin = await scene.admin()
  await cluster.until(admin.deleteTopics(['numbers']))
  await cluster.pass(60_000)
  const gone =
    'error The topic "numbers" is gone: deleted, or hidden from this worker. Create it again, and it is read from its beginning; other topics go on'
  expect(cluster.lines).toEqual([gone, gone])
  await scene.send(range(0, 10), scene.others)
  await cluster.pass(3000)
  expect(await scene.committed()).toMatchObject({ 'others[0]': 5, 'others[1]': 5 })
  await cluster.until(admin.createTopics([{ name: 'numbers', partitions: 4 }]))
  await scene.send(range(100, 140), scene.numbers, 4)
  await cluster.pass(3000)
  expect(scene.seenFrom(100)).toEqual(range(100, 140))
  expect(new Set(scene.seen.filter(({ n }) => n >= 100).map(({ by }) => by)).size).toBe(2)
  expect(await scene.committed()).toMatchObject({ 'numbers[0]': 10, 'numbers[3]': 10 })
})

test('what was in hand of the old log settles nothing of the new one', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  scene.slowMs = 4000
  await scene.send(range(0, 2))
  await cluster.pass(1000)
  await cluster.until(again(await scene.admin(), 'numbers', 2))
  await scene.send(range(100, 102))
  await cluster.pass(3500)
  expect(await scene.committed()).toEqual({ 'numbers[0]': 0, 'numbers[1]': 0 })
  await cluster.pass(12_000)
  expect(scene.seenFrom(100)).toEqual([100, 101])
  expect(await scene.committed()).toEqual({ 'numbers[0]': 1, 'numbers[1]': 1 })
})

test('a partition that is not read on, since its queue is full, hears of it all the same', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  await cluster.start()
  scene.slowMs = 30_000
  await scene.send(range(0, 10_000))
  await cluster.pass(1000)
  await cluster.until(again(await scene.admin(), 'numbers', 2))
  await cluster.pass(1000)
  expect(cluster.lines).toEqual([madeAgainLine])
  await scene.send(range(20_000, 20_002))
  await cluster.pass(60_000)
  expect(scene.seen.map(({ n }) => n)).toEqual([expect.any(Number), 20_000, 20_001])
})

test('a topic that is written to: what is sent after it was made again gets there', async () => {
  const app = new App('relay', { commitInterval: '1s' })
  const source = app.topic('source', { value: unchecked<number>(), partitions: 1 })
  const target = app.topic('target', { value: unchecked<number>(), partitions: 2 })
  app.agent('relaying', { topic: source }, async stream => {
    for await (const n of stream) void target.send(n, { partition: n % 2 })
  })
  await using cluster = new Cluster(app)
  await cluster.start()
  for (const n of range(0, 4)) void source.send(n)
  await cluster.pass(2000)
  const connection = await cluster.connect()
  await cluster.until(again(connection.admin, 'target', 2))
  for (const n of range(100, 104)) void source.send(n)
  await cluster.pass(2000)
  const places = [0, 1].map(partition => ({ topic: 'target', partition }))
  const ends = await cluster.until(connection.admin.endOffsets(places, 'read-uncommitted'))
  expect(ends.map(({ offset }) => offset)).toEqual([2, 2])
  expect(cluster.lines).toEqual([])
})

test.for(range(1, 31))('whenever it happens, whoever dies (seed %i)', async seed => {
  const scene = new Scene(seed)
  await using cluster = scene.cluster
  const random = seededRandom(seed)
  const upTo = (count: number): number => Math.floor(random.next() * count)
  const members: Member[] = [await cluster.start(), await cluster.start()]
  const admin = await scene.admin()
  let next = 0
  for (let round = 0; round < 4; round++) {
    const count = 2 * (1 + upTo(2))
    void scene.send(range(next, next + upTo(60)))
    await cluster.pass(upTo(1500))
    const awayMs = upTo(2) * upTo(9000)
    await cluster.until(again(admin, 'numbers', count, awayMs === 0 ? null : () => cluster.sleep(awayMs)))
    next += 1000
    await cluster.until(scene.send(range(next, next + 12), scene.numbers, count))
    await cluster.pass(upTo(2) * upTo(1500))
    const [victim] = members.splice(0, 1)
    if (victim !== undefined && upTo(2) === 0) cluster.kill(victim)
    else await cluster.until(victim?.running.stop() ?? Promise.resolve())
    members.push(await cluster.start())
    await cluster.untilTrue(() => new Set(scene.seenFrom(next)).size >= 12)
    expect([...new Set(scene.seenFrom(next))]).toEqual(range(next, next + 12))
  }
})

const madeAgainLine = 'warn The topic "numbers" was deleted and made again: it is read from its beginning'

/** Workers that note what they see of two topics. */
class Scene {
  readonly cluster: Cluster
  readonly numbers: Topic<number>
  readonly others: Topic<number>
  readonly seen: { n: number; by: string }[] = []
  /** How long an event is worked on. */
  slowMs = 5
  #admin: Admin | null = null

  constructor(seed = 1) {
    const app = new App('numbers-app', { commitInterval: '1s', sessionTimeout: '3s' })
    this.numbers = app.topic('numbers', { value: unchecked<number>(), partitions: 2 })
    this.others = app.topic('others', { value: unchecked<number>(), partitions: 2 })
    app.agent('counting', { topic: this.numbers }, async stream => {
      for await (const n of stream) {
        this.seen.push({ n, by: workerAtHand() })
        await this.cluster.sleep(this.slowMs)
      }
    })
    app.agent('others', { topic: this.others }, async stream => {
      for await (const _ of stream);
    })
    this.cluster = new Cluster(app, { seed })
  }

  async send(numbers: readonly number[], topic: Topic<number> = this.numbers, partitions = 2): Promise<void> {
    await this.cluster.until(Promise.all(numbers.map(n => topic.send(n, { partition: n % partitions }))))
  }

  async admin(): Promise<Admin> {
    return (this.#admin ??= (await this.cluster.connect()).admin)
  }

  async committed(): Promise<Record<string, number>> {
    const offsets = await this.cluster.until((await this.admin()).groupOffsets('numbers-app'))
    return Object.fromEntries(offsets.map(({ topic, partition, offset }) => [`${topic}[${partition}]`, offset]))
  }

  /** What was seen of these numbers and higher ones, sorted. */
  seenFrom(first: number): number[] {
    return this.seen.flatMap(({ n }) => (n >= first ? n : [])).sort((left, right) => left - right)
  }
}

async function again(admin: Admin, name: string, partitions: number, wait?: (() => Promise<void>) | null): Promise<void> {
  await admin.deleteTopics([name])
  await wait?.()
  await admin.createTopics([{ name, partitions }])
}

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index)
}
