import { expect, test } from 'vitest'
import { TransportError } from '../errors.js'
import { silentLogger, type Logger } from '../lib/log.js'
import { seededRandom } from '../lib/random.js'
import { virtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import { Ledger } from './ledger.js'
import type { Partition } from './partition.js'
import { Unreadable } from './unreadable.js'

const refused = new TransportError('Cannot read "orders"[0]@5: not allowed. Grant READ.')
const said =
  'Partition 0 of "orders" cannot be read: Cannot read "orders"[0]@5: not allowed. Grant READ. ' +
  'It is tried again, and nothing is skipped; other partitions go on'

test('it is tried again, later and later up to half a minute, and said now and then only', async () => {
  const scene = new Scene()
  scene.failing = refused
  scene.fail()
  await scene.clock.advance(60_000)
  const pauses = scene.tries.map((at, index) => at - (scene.tries[index - 1] ?? 0))
  expect(pauses.slice(0, 5).every((pause, index) => pause <= 500 * 2 ** index && pause >= 250 * 2 ** index)).toBe(true)
  expect(scene.lines).toEqual([said])
  await scene.clock.advance(3_600_000)
  expect(scene.tries.length).toBeGreaterThan(120)
  expect(scene.lines.length).toBeLessThan(15)
})

test('what fails further on, or for another reason, is said, and tried soon', async () => {
  const scene = new Scene()
  scene.failing = refused
  scene.fail()
  await scene.clock.advance(60_000)
  scene.partition.ledger.passed(9)
  const before = scene.tries.length
  scene.fail()
  await scene.clock.advance(500)
  expect(scene.lines).toEqual([said, said])
  expect(scene.tries.length).toBeGreaterThan(before)
  scene.failing = new TransportError('damaged')
  await scene.clock.advance(2000)
  expect(scene.lines.at(-1)).toContain('cannot be read: damaged')
})

test('once it can be read, and once its tenure is over, nothing is tried', async () => {
  const scene = new Scene()
  scene.fail()
  await scene.clock.advance(60_000)
  expect(scene.tries).toHaveLength(1)
  scene.fail()
  scene.unreadable.forget(scene.partition)
  await scene.clock.advance(60_000)
  expect(scene.tries).toHaveLength(1)
})

/** One partition, whose reader gives it up as long as something fails. */
class Scene {
  readonly clock: VirtualClock = virtualClock()
  readonly lines: string[] = []
  /** When it was tried again, in milliseconds from the start. */
  readonly tries: number[] = []
  readonly partition = { at: { topic: 'orders', partition: 0 }, ledger: new Ledger(5) } as unknown as Partition
  readonly unreadable: Unreadable
  failing: Error | null = null

  constructor() {
    const log: Logger = { ...silentLogger, error: (_facts, message) => void this.lines.push(message) }
    const startMs = this.clock.elapsed()
    const again = (): void => {
      this.tries.push(this.clock.elapsed() - startMs)
      if (this.failing !== null) this.fail()
    }
    this.unreadable = new Unreadable({ clock: this.clock, random: seededRandom(5), log, again })
  }

  fail(): void {
    this.unreadable.add(this.partition, this.failing ?? refused)
  }
}
