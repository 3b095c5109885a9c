import assert from 'node:assert/strict'
import type { TopicPartition } from '../../transport/transport.js'
import { outgoing, Reading } from './messages.js'
import { type ContractTest, type Scene } from './scene.js'

/** A topic that is deleted and created again is another log, whoever holds something of the one before. */
export const madeAgain: readonly ContractTest[] = [
  { name: 'made again: who reads the old log is told so, and gets nothing of the new one', run: tellsReaders },
  { name: 'made again: a reader that names its log reads that one or none', run: readsTheLogNamed },
  { name: 'made again: an offset of the old log is none of the new one', run: keepsOffsetsApart },
  { name: 'made again: nor is one that was committed in a transaction', run: keepsOffsetsOfTransactionsApart },
  { name: 'made again: a commit of an offset of the old log takes no other along', run: commitsAllOrNothing },
  { name: 'made again: a producer goes on with the new log', run: writesOn },
]

async function tellsReaders(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const errors: string[] = []
  const reader = scene.reader({
    onError: (error, { topic, partition }) => void errors.push(`${topic}[${partition}] ${codeOf(error)}`),
  })
  const reading = new Reading(reader, at, 'earliest')
  await scene.store(await scene.producer(), at, ['old', 'older'])
  await scene.until(() => reading.count === 2, 'the old log')
  await again(scene, at.topic)
  await scene.store(await scene.producer(), at, ['new 1', 'new 2', 'new 3'])
  await scene.until(() => errors.length > 0, 'word of it')
  reading.remove()
  const next = new Reading(reader, at, 'earliest')
  await scene.until(() => next.count === 3, 'the new log')
  assert.deepEqual(reading.values, ['old', 'older'])
  assert.deepEqual(next.values, ['new 1', 'new 2', 'new 3'])
  assert.deepEqual(errors, [`${at.topic}[0] FAUST_TRANSPORT`])
}

async function readsTheLogNamed(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const old = await idOf(scene, at)
  await scene.store(await scene.producer(), at, ['old'])
  const errors: string[] = []
  const reader = scene.reader({ onError: error => void errors.push(codeOf(error)) })
  const before = new Reading(reader, { ...at, topicId: old }, 0)
  await scene.until(() => before.count === 1, 'the old log')
  before.remove()
  await again(scene, at.topic)
  await scene.store(await scene.producer(), at, ['new'])
  const late = new Reading(reader, { ...at, topicId: old }, 0)
  await scene.until(() => errors.length > 0, 'a refusal')
  late.remove()
  const next = new Reading(reader, { ...at, topicId: await idOf(scene, at) }, 0)
  await scene.until(() => next.count === 1, 'the new log')
  assert.deepEqual([before.values, late.values, next.values, errors], [['old'], [], ['new'], ['FAUST_TRANSPORT']])
}

async function keepsOffsetsApart(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const old = await idOf(scene, at)
  const groupId = scene.name('group')
  const seat = await scene.seat(groupId)
  await scene.agree(seat)
  await scene.wait(seat.group.commit([{ ...at, topicId: old, offset: 3 }], seat.current))
  const [kept] = await scene.wait(seat.group.committed([at]))
  assert.deepEqual([kept?.offset, kept?.topicId ?? old], [3, old])
  await again(scene, at.topic)
  // A driver that has not heard of it yet may let it through, but never as one of the new log.
  await scene.wait(seat.group.commit([{ ...at, topicId: old, offset: 5 }], seat.current)).catch(refusedAs('FAUST_COMMIT'))
  const reader = await scene.seat(groupId)
  for (const { topicId } of await scene.wait(reader.group.committed([at]))) assert.equal(topicId, old)
  const topicId = await idOf(scene, at)
  await scene.until(
    commitsSoon(() => seat.group.commit([{ ...at, topicId, offset: 1 }], seat.current)),
    'a commit',
  )
  const [found] = await scene.wait(reader.group.committed([at]))
  assert.deepEqual([found?.offset, found?.topicId ?? topicId], [1, topicId])
}

async function keepsOffsetsOfTransactionsApart(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const topicId = await idOf(scene, at)
  const seat = await scene.seat(scene.name('group'))
  await scene.agree(seat)
  const producer = await scene.producer({ transactionalId: scene.name('id') })
  const commit = async (offset: number): Promise<void> => {
    await scene.wait(producer.begin())
    await scene.wait(producer.commit([{ ...at, topicId, offset }], seat.current))
  }
  await commit(3)
  const [kept] = await scene.wait(seat.group.committed([at]))
  assert.deepEqual([kept?.offset, kept?.topicId ?? topicId], [3, topicId])
  await again(scene, at.topic)
  await commit(5).catch(refusedAs('FAUST_COMMIT'))
  for (const found of await scene.wait(seat.group.committed([at]))) assert.equal(found.topicId, topicId)
}

async function commitsAllOrNothing(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const other = { topic: await scene.topic(), partition: 0 }
  const topicId = await idOf(scene, at)
  const seat = await scene.seat(scene.name('group'))
  await scene.agree(seat)
  await scene.wait(scene.shared.admin.deleteTopics([at.topic]))
  const offsets = [
    { ...other, offset: 1 },
    { ...at, topicId, offset: 5 },
  ]
  await scene.refused(seat.group.commit(offsets, seat.current), 'FAUST_COMMIT')
  assert.deepEqual(await scene.wait(seat.group.committed([other])), [])
}

async function writesOn(scene: Scene): Promise<void> {
  const at = { topic: await scene.topic(), partition: 0 }
  const producer = await scene.producer()
  await scene.store(producer, at, ['old', 'older'])
  await again(scene, at.topic)
  for (const value of ['new 1', 'new 2']) {
    const batch = producer.append(outgoing(at, value))
    await scene.flush(producer)
    assert.equal(batch.error, null)
  }
  const reading = scene.read(at)
  await scene.until(() => reading.count === 2, 'the new log')
  assert.deepEqual(
    reading.messages.map(({ offset, value }) => [offset, value]),
    [
      [0, 'new 1'],
      [1, 'new 2'],
    ],
  )
}

async function again(scene: Scene, topic: string): Promise<void> {
  await scene.wait(scene.shared.admin.deleteTopics([topic]), 'the end of a topic')
  await scene.topic({ name: topic })
}

async function idOf(scene: Scene, { topic }: TopicPartition): Promise<string> {
  const [found] = await scene.wait(scene.shared.admin.topics([topic]))
  return found?.id ?? assert.fail(`no topic ${topic}`)
}

/** Asked again and again: whether it has worked by now. A member may hear of a new topic later than others. */
function commitsSoon(commit: () => Promise<void>): () => boolean {
  let [isDone, isTrying] = [false, false]
  return () => {
    if (isDone || isTrying) return isDone
    isTrying = true
    commit()
      .then(() => (isDone = true))
      .catch(refusedAs('FAUST_COMMIT'))
      .finally(() => (isTrying = false))
    return false
  }
}

function refusedAs(code: string): (error: unknown) => void {
  return error => assert.equal(codeOf(error), code)
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code)
}
