import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { MadeAgain, range } from '../fixtures/made-again.js'
import { eventually } from './steering.js'

const broker = `kafka://${inject('kafka')}`

test.concurrent.for([0, 1000, 6000])(
  'a topic is deleted under workers and created again %i ms later: they read the new one from its beginning, once',
  async (awayMs, context) => {
    const stage = new MadeAgain(`again-after-${awayMs}`, context, { broker })
    const admin = await stage.admin()
    await stage.workers(2)
    await stage.send(2, range(0, 20))
    await stage.hasSeen(2, range(0, 20))
    await admin.deleteTopics([stage.name])
    await sleep(awayMs)
    await admin.createTopics([{ name: stage.name, partitions: 2 }])
    await stage.send(2, range(100, 120))
    await stage.hasSeen(2, range(100, 120))
    for (const partition of [0, 1]) expect(stage.seen.get(partition)).toEqual([...range(0, 20), ...range(100, 120)])
    await eventually('the offsets of the new topic', async () => {
      const offsets = await stage.committed(admin)
      return offsets.length === 2 && offsets.every(({ offset }) => offset === 20)
    })
  },
)

test.concurrent(
  'a worker that stops right after, with offsets of the old topic still to commit, makes the next one skip nothing',
  async context => {
    const stage = new MadeAgain('again-and-stop', context, { broker, commitInterval: '5m' })
    const admin = await stage.admin()
    stage.heldAt = 10
    // More than a queue takes: the worker reads no further, and hears nothing of its log.
    await stage.sendMany(range(0, 10_000))
    const [first] = await stage.workers(1)
    await eventually('ten in hand', () => Promise.resolve([...stage.seen.values()].some(seen => seen.includes(10))))
    await admin.deleteTopics([stage.name])
    await admin.createTopics([{ name: stage.name, partitions: 2 }])
    await first?.stop()
    await stage.send(2, range(100_000, 100_040))
    await stage.workers(1)
    await stage.hasSeen(2, range(100_000, 100_040))
    for (const partition of [0, 1]) {
      expect(stage.seen.get(partition)?.filter(n => n >= 100_000)).toEqual(range(100_000, 100_040))
    }
  },
)

test.concurrent(
  'a topic that stays away is said once by each worker, and others go on; all read it when it comes, with more partitions',
  async context => {
    const stage = new MadeAgain('away', context, { broker })
    const admin = await stage.admin()
    await stage.workers(2)
    await stage.send(2, range(0, 20))
    await stage.hasSeen(2, range(0, 20))
    await admin.deleteTopics([stage.name])
    await sleep(10_000)
    await stage.sendOther(7)
    await eventually('the other topic', () => Promise.resolve(stage.others.includes(7)))
    expect(stage.lines.filter(line => line.includes(`"${stage.name}"`))).toEqual([goneLine, goneLine])
    await admin.createTopics([{ name: stage.name, partitions: 4 }])
    await stage.send(4, range(100, 120))
    await stage.hasSeen(4, range(100, 120))
    expect(stage.seen.get(3)).toEqual(range(100, 120))
    expect(new Set(stage.readers.slice(-80)).size).toBe(2)
  },
)

test.concurrent(
  'a topic that a worker writes to is deleted and created again: what is sent afterwards gets there',
  async context => {
    const stage = new MadeAgain('again-written', context, { broker })
    const admin = await stage.admin()
    await stage.workers(1)
    await stage.send(2, range(0, 20))
    await stage.hasSeen(2, range(0, 20))
    await admin.deleteTopics([stage.sink])
    await admin.createTopics([{ name: stage.sink, partitions: 1 }])
    await stage.send(2, range(100, 120))
    await eventually('forty messages in the new topic', async () => {
      const [end] = await admin.endOffsets([{ topic: stage.sink, partition: 0 }], 'read-uncommitted')
      return end?.offset === 40
    })
    expect(stage.lines).toEqual([])
  },
)

const goneLine =
  'error The topic "away" is gone: deleted, or hidden from this worker. Create it again, and it is read from its beginning; other topics go on'
