import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { MadeAgain, range } from '../fixtures/made-again.js'
import { getsWhatIsSent, isReadFromItsBeginning, isSkippedByNobody } from '../fixtures/made-again-laws.js'
import { eventually } from './steering.js'

const broker = `kafka://${inject('kafka')}`

test.concurrent.for([0, 1000, 6000])(
  'a topic is deleted under workers and created again %i ms later: they read the new one from its beginning, once',
  (awayMs, context) => isReadFromItsBeginning(broker, awayMs, context),
)

test.concurrent(
  'a worker that stops right after, with offsets of the old topic still to commit, makes the next one skip nothing',
  context => isSkippedByNobody(broker, context),
)

test.concurrent('a topic that a worker writes to is deleted and created again: what is sent afterwards gets there', context =>
  getsWhatIsSent(broker, context),
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

const goneLine =
  'error The topic "away" is gone: deleted, or hidden from this worker. Create it again, and it is read from its beginning; other topics go on'
