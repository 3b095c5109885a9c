import { expect, test } from 'vitest'
import { seededRandom } from '../lib/random.js'
import { virtualClock, type VirtualClock } from '../testing/virtual-clock.js'
import type { PartitionOffset, TopicDescription } from '../transport/transport.js'
import { Arrivals } from './arrivals.js'

const at = { topic: 'orders', partition: 0 }
const other = { topic: 'orders', partition: 1 }

test('begins where the group has left off the log that was found; an offset of another log says nothing', async () => {
  const scene = new Scene()
  scene.committed = [
    { ...at, offset: 5, topicId: 'one' },
    { ...other, offset: 5, topicId: 'zero' },
    { topic: 'users', partition: 0, offset: 7 },
  ]
  for (const each of [at, other, { topic: 'users', partition: 0 }]) scene.arrivals.expect(each)
  await scene.arrivals.begin(found('orders', 'users'))
  expect(scene.opened).toEqual(['orders[0] of one from 5', 'orders[1] of one from -1', 'users[0] of one from 7'])
  expect(scene.arrivals.all).toEqual([])
})

test('what was not found is looked for later and later, and no longer once it has come or is forgotten', async () => {
  const scene = new Scene()
  scene.arrivals.expect(at)
  scene.arrivals.expect({ topic: 'orders', partition: 9 })
  await scene.arrivals.begin(found())
  expect(scene.opened).toEqual([])
  await scene.clock.advance(60_000)
  expect(scene.looks).toBeGreaterThan(8)
  expect(scene.looks).toBeLessThan(20)
  await scene.arrivals.begin(found('orders'))
  expect(scene.opened).toEqual(['orders[0] of one from -1'])
  const before = scene.looks
  await scene.clock.advance(200)
  expect(scene.looks).toBe(before)
  scene.arrivals.forget([{ topic: 'orders', partition: 9 }])
  await scene.clock.advance(60_000)
  expect(scene.looks).toBe(before)
})

test('what is taken away while it is asked what is committed is not begun; what comes again is begun once', async () => {
  const scene = new Scene()
  scene.arrivals.expect(at)
  scene.arrivals.expect(other)
  const first = scene.arrivals.begin(found('orders'))
  scene.arrivals.forget([at, other])
  scene.arrivals.expect(other)
  await Promise.all([first, scene.arrivals.begin(found('orders')), scene.arrivals.begin(found('orders'))])
  expect(scene.opened).toEqual(['orders[1] of one from -1'])
})

/** Arrivals of a group that has committed this; what has not come is looked for in vain. */
class Scene {
  readonly clock: VirtualClock = virtualClock()
  readonly opened: string[] = []
  readonly arrivals: Arrivals
  committed: PartitionOffset[] = []
  looks = 0

  constructor() {
    this.arrivals = new Arrivals({
      clock: this.clock,
      random: seededRandom(3),
      group: () => ({ committed: () => Promise.resolve(this.committed) }),
      open: ({ topic, partition, topicId }, start) => void this.opened.push(`${topic}[${partition}] of ${topicId} from ${start}`),
      look: () => {
        this.looks++
        this.arrivals.lookLater()
      },
    })
  }
}

function found(...names: string[]): ReadonlyMap<string, TopicDescription> {
  const rest = { id: 'one', partitions: 2, replicas: 1, retentionMs: -1, retentionBytes: -1, compacted: false }
  return new Map(names.map(name => [name, { name, ...rest }]))
}
