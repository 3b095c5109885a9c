import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../src/lib/clock.js'
import { MadeAgain, range } from '../fixtures/made-again.js'
import { eventually } from '../kafka/steering.js'

const directory = mkdtempSync(join(tmpdir(), 'faust-again-'))
const broker = `embedded:${directory}`
afterAll(() => rmSync(directory, { recursive: true }))

test.for([0, 2000])(
  'a topic is deleted under workers and created again %i ms later: read from its beginning, once',
  async (awayMs, context) => {
    const stage = new MadeAgain(`again-after-${awayMs}`, context, { broker })
    const admin = await stage.admin()
    await stage.workers(2)
    await stage.send(2, range(0, 20))
    await stage.hasSeen(2, range(0, 20))
    await admin.deleteTopics([stage.name])
    await sleep(systemClock, awayMs, { kind: 'work' })
    await admin.createTopics([{ name: stage.name, partitions: 2 }])
    await stage.send(2, range(100, 105))
    await stage.hasSeen(2, range(100, 105))
    for (const partition of [0, 1]) expect(stage.seen.get(partition)).toEqual([...range(0, 20), ...range(100, 105)])
    await eventually('the offsets of the new topic', async () => {
      const offsets = await stage.committed(admin)
      return offsets.length === 2 && offsets.every(({ offset }) => offset === 5)
    })
  },
)

test('a worker that stops right after, with offsets of the old topic still to commit, makes the next one skip nothing', async context => {
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
  expect((await stage.committed(admin)).filter(({ offset }) => offset > 0)).toEqual([])
  await stage.send(2, range(100_000, 100_040))
  await stage.workers(1)
  await stage.hasSeen(2, range(100_000, 100_040))
  for (const partition of [0, 1]) {
    expect(stage.seen.get(partition)?.filter(n => n >= 100_000)).toEqual(range(100_000, 100_040))
  }
})

test('a topic that a worker writes to is deleted and created again: what is sent afterwards gets there', async context => {
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
})
