import { setTimeout as sleep } from 'node:timers/promises'
import { App, unchecked, type Running } from 'faust-ts'
import { expect, inject, test } from 'vitest'
import { silentLogger } from '../../src/lib/log.js'
import { createTopic, eventually } from './steering.js'

const partitions = 6
const patienceMs = 3000

interface Seen {
  readonly n: number
  readonly by: number
  readonly atMs: number
}

test('three workers are restarted one after the other: partitions that do not move do not pause, nothing is lost', async () => {
  const topic = 'rolling-restart'
  await createTopic(inject('kafka'), { name: topic, partitions })
  const seen = Array.from({ length: partitions }, (): Seen[] => [])
  const latest = (): number[] => seen.map(events => events.at(-1)?.by ?? -1)
  const shares = (): number[] => [0, 1, 2].map(by => latest().filter(owner => owner === by).length)
  const start = (by: number): Promise<Running> =>
    worker(topic, (partition, n) => {
      seen[partition]!.push({ n, by, atMs: performance.now() })
    })
  const running = await Promise.all([0, 1, 2].map(start))
  const feed = new Feed(topic)
  await eventually('three workers at work', () => Promise.resolve(shares().every(share => share === 2)))
  for (const [by, one] of running.entries()) {
    await one.stop()
    await eventually(`a share of two workers`, () => Promise.resolve(!latest().includes(by)))
    await sleep(500)
    running[by] = await start(by)
    await eventually('a share of all', () => Promise.resolve(shares().every(share => share === 2)))
    await sleep(500)
  }
  const sent = await feed.stop()
  await eventually('the end', () => Promise.resolve(seen.every(events => events.at(-1)?.n === sent - 1)))
  await Promise.all(running.map(one => one.stop()))
  const stays = seen.map(pauses).map(found => found.filter(({ moved }) => !moved).map(({ ms }) => Math.round(ms)))
  const moves = seen.map(pauses).flatMap(found => found.filter(({ moved }) => moved).map(({ ms }) => Math.round(ms)))
  console.log(JSON.stringify({ sent, longestPauseMs: stays.map(found => Math.max(...found)), moves }))
  for (const events of seen) {
    expect(new Set(events.map(({ n }) => n)).size).toBe(sent)
    expect(events.length - sent).toBe(0)
  }
  for (const found of stays) expect(Math.max(...found)).toBeLessThan(patienceMs)
}, 90_000)

/** A worker that says what it processes. */
function worker(topic: string, say: (partition: number, n: number) => void): Promise<Running> {
  const app = new App(`${topic}-app`, { broker: `kafka://${inject('kafka')}`, logger: silentLogger })
  app.agent('watching', { topic: app.topic(topic, { value: unchecked<number>() }) }, async stream => {
    for await (const { value, partition } of stream.events()) say(partition, value)
  })
  return app.start()
}

/** Sends 0, 1, 2 … to every partition, each number to all of them. */
class Feed {
  readonly #app: App
  readonly #done: Promise<number>
  #isOver = false

  constructor(topic: string) {
    this.#app = new App('feed', { broker: `kafka://${inject('kafka')}`, logger: silentLogger })
    this.#done = this.#send(topic)
  }

  /** How many each partition has got. */
  async stop(): Promise<number> {
    this.#isOver = true
    const sent = await this.#done
    await this.#app[Symbol.asyncDispose]()
    return sent
  }

  async #send(name: string): Promise<number> {
    const topic = this.#app.topic(name, { value: unchecked<number>() })
    let n = 0
    for (; !this.#isOver; n++) {
      await Promise.all(Array.from({ length: partitions }, (_, partition) => topic.send(n, { partition })))
      await sleep(5)
    }
    return n
  }
}

/** The time between an event of a partition and the next one, and whether another worker had that one. */
function pauses(events: readonly Seen[]): { ms: number; moved: boolean }[] {
  return events.slice(1).map(({ by, atMs }, index) => {
    const before = events[index]!
    return { ms: atMs - before.atMs, moved: by !== before.by }
  })
}
