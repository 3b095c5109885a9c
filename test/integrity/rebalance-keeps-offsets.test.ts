import { expect, test } from 'vitest'
import { App, unchecked, type AppOptions, type Topic } from 'faust-ts'
import { sleep } from '../../src/lib/clock.js'
import { Cluster, type Member } from './cluster.js'
import { placeOf } from './observed.js'
import { eventAtHand } from './witness.js'

test('workers that come and go in peace cost nothing: every event is worked on once', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  const members = [await cluster.start()]
  const sends = scene.flow(600, 20)
  for (let round = 0; round < 8; round++) {
    await cluster.pass(700)
    if (members.length < 3) members.push(await cluster.start())
    else await cluster.until(members.shift()?.running.stop() ?? Promise.resolve())
  }
  await cluster.until(sends)
  await cluster.untilTrue(() => scene.done.length >= 600)
  await cluster.pass(2000)
  expect(scene.done.length).toBe(600)
  expect(new Set(scene.done).size).toBe(600)
})

test('a worker that is killed repeats at most what it settled within one commit interval', async () => {
  const scene = new Scene()
  await using cluster = scene.cluster
  const [one] = [await cluster.start(), await cluster.start()]
  const sends = scene.flow(600, 20)
  await cluster.pass(5300)
  const killedAt = cluster.clock.elapsed()
  cluster.kill(one as Member)
  await cluster.until(sends)
  await cluster.untilTrue(() => new Set(scene.done).size >= 600)
  const repeated = scene.times.filter(({ name }, at) => scene.times.findIndex(each => each.name === name) < at)
  expect(repeated.length).toBeGreaterThan(0)
  const firsts = repeated.map(({ name }) => scene.times.find(each => each.name === name)?.ms ?? 0)
  // The commit itself takes a few turns.
  expect(Math.min(...firsts)).toBeGreaterThan(killedAt - 1000 - 50)
})

test('partitions that stay are not paused while others are waited for', async () => {
  const scene = new Scene({ drainTimeout: '5s' })
  await using cluster = scene.cluster
  await cluster.start()
  const sends = scene.flow(400, 20)
  await cluster.pass(500)
  scene.slowMs = 4000
  scene.slow = 'numbers[7]'
  await cluster.pass(500)
  const starting = cluster.start()
  await cluster.pass(500)
  const [before, asked] = [scene.done.length, cluster.clock.elapsed()]
  await cluster.pass(1000)
  const after = scene.times.slice(before)
  // Half of them stay.
  expect(new Set(after.map(({ name }) => name.split('@')[0])).size).toBeGreaterThanOrEqual(4)
  expect(after.length).toBeGreaterThan(20)
  expect(cluster.clock.elapsed() - asked).toBeGreaterThanOrEqual(1000)
  await starting
  scene.slow = ''
  await cluster.until(sends)
  await cluster.untilTrue(() => new Set(scene.done).size >= 400)
  expect(scene.done.length).toBe(400)
})

test('what is still worked on when time is up is not committed: the next owner works on it again, and the log says whose it was', async () => {
  const scene = new Scene({ drainTimeout: '2s' })
  await using cluster = scene.cluster
  await cluster.start()
  const sends = scene.flow(80, 20)
  await cluster.pass(500)
  scene.slowMs = 60_000
  scene.slow = 'numbers[7]'
  await cluster.pass(500)
  scene.slowMs = 0
  await cluster.start()
  await cluster.until(sends)
  await cluster.untilTrue(() => new Set(scene.done).size >= 80)
  const told = cluster.lines.filter(line => line.includes('Gave up waiting'))
  expect(told).toEqual([
    expect.stringMatching(/^warn Gave up waiting after 2s: agent "counting" still works on "numbers"\[7\]@\d+(,\d+)*; it is/),
  ])
  const offset = /@(\d+)/.exec(told[0] ?? '')?.[1]
  expect(scene.begun.filter(name => name === `numbers[7]@${offset}`)).toHaveLength(2)
})

/** Numbers that flow through one agent. */
class Scene {
  readonly cluster: Cluster
  readonly begun: string[] = []
  readonly times: { name: string; ms: number }[] = []
  /** A partition whose events take long, and how long. */
  slow = ''
  slowMs = 0
  readonly #numbers: Topic<number>

  constructor(options: AppOptions = {}) {
    const app = new App('numbers', { commitInterval: '1s', sessionTimeout: '3s', ...options })
    this.#numbers = app.topic('numbers', { value: unchecked<number>(), partitions: 8 })
    app.agent('counting', { topic: this.#numbers, concurrency: 4 }, async stream => {
      for await (const _ of stream) await this.#work()
    })
    this.cluster = new Cluster(app)
  }

  get done(): string[] {
    return this.times.map(({ name }) => name)
  }

  /** Sends so many numbers, one every so many milliseconds; resolves when all are acknowledged. */
  async flow(count: number, everyMs: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      await this.#numbers.send(n)
      await sleep(this.cluster.clock, everyMs, { kind: 'work' })
    }
  }

  async #work(): Promise<void> {
    const { at, offset, clientId } = eventAtHand()
    const { clock } = this.cluster
    const name = `${placeOf(at)}@${offset}`
    this.begun.push(name)
    await sleep(clock, this.slow === placeOf(at) && clientId.endsWith('-0') ? this.slowMs : 5, { kind: 'work' })
    this.times.push({ name, ms: clock.elapsed() })
  }
}
